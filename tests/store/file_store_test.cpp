// What only a directory can do to its store: strangers' files, missing rights, no room.
#include "agent/storage/file_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/small_filesystems.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {
namespace {

using storage::Listed;

class FileStore : public testing::Test {
 protected:
  OpContext ctx() const { return OpContext().WithBudget(std::chrono::seconds(60)); }
  std::vector<std::string> Names(const std::string& prefix) {
    std::vector<std::string> names;
    const auto listed = store_->List(ctx(), prefix, {});
    EXPECT_OK(listed);
    if (listed.ok()) {
      for (const Listed& one : *listed) names.push_back(one.name);
    }
    return names;
  }
  std::size_t FilesOnDisk(const std::filesystem::path& below) const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::recursive_directory_iterator(below),
                      std::filesystem::recursive_directory_iterator()));
  }

  const TempDir directory_;
  const std::unique_ptr<storage::ObjectStore> store_ = storage::MakeFileStore(directory_.path());
};

TEST_F(FileStore, LeavesStrangersAlone) {
  ASSERT_OK(store_->Put(ctx(), "mine/object", AsBytes("x")));
  std::filesystem::create_directory(directory_ / "lost+found");
  std::ofstream(directory_ / "mine/a file of somebody") << "hello";
  std::ofstream(directory_ / "mine/.new-cut") << "what a killed Put left";
  ASSERT_EQ(mkfifo((directory_ / "mine/pipe").c_str(), 0600), 0);
  ASSERT_EQ(symlink("/nowhere", (directory_ / "mine/dangling").c_str()), 0);
  EXPECT_EQ(Names(""), (std::vector<std::string>{"mine/"}));
  EXPECT_EQ(Names("mine/"), (std::vector<std::string>{"mine/object"}));
  EXPECT_EQ(ReasonOf(store_->Get(ctx(), "mine/pipe", 10)), "OBJECT_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store_->Get(ctx(), "mine/dangling", 10)), "OBJECT_NOT_FOUND");
  ASSERT_OK(store_->Remove(ctx(), "mine/object"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "mine/a file of somebody"));
}

TEST_F(FileStore, WhatCannotBeReadIsToldAndDoesNotEndAListing) {
  ASSERT_OK(store_->Put(ctx(), "a/hidden", AsBytes("x")));
  ASSERT_OK(store_->Put(ctx(), "b/seen", AsBytes("x")));
  ASSERT_EQ(chmod((directory_ / "a/hidden").c_str(), 0), 0);
  EXPECT_EQ(ReasonOf(store_->Get(ctx(), "a/hidden", 10)), "PERMISSION_DENIED");
  EXPECT_EQ(Names("a/"), (std::vector<std::string>{"a/hidden"}));
  ASSERT_EQ(chmod((directory_ / "a").c_str(), 0), 0);
  EXPECT_EQ(Names(""), (std::vector<std::string>{"a/", "b/"}));
  EXPECT_EQ(ReasonOf(store_->List(ctx(), "a/", {})), "PERMISSION_DENIED");
  EXPECT_EQ(ReasonOf(store_->Put(ctx(), "a/new", {})), "PERMISSION_DENIED");
  EXPECT_EQ(ReasonOf(store_->Exists(ctx(), "a/hidden")), "PERMISSION_DENIED");
  ASSERT_EQ(chmod((directory_ / "a").c_str(), 0700), 0);
}

TEST_F(FileStore, AFolderEndsWithItsLastObjectAndWithWhatKilledPutsLeft) {
  ASSERT_OK(store_->Put(ctx(), "i/b/chunks/1", AsBytes("x")));
  std::ofstream(directory_ / "i/b/chunks/.new-cut") << "half";
  std::ofstream(directory_ / "i/b/.new-cut") << "half";
  std::filesystem::create_directories(directory_ / "i/b/index/0000");
  ASSERT_OK(store_->Remove(ctx(), "i/b/chunks/1"));
  EXPECT_EQ(FilesOnDisk(directory_.path()), 0U);
}

TEST_F(FileStore, ObjectsAreNobodyElses) {
  ASSERT_OK(store_->Put(ctx(), "i/o", AsBytes("x")));
  struct stat info {};
  ASSERT_EQ(stat((directory_ / "i/o").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  ASSERT_EQ(stat((directory_ / "i").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST_F(FileStore, WithoutRoomAPutFailsLeavesNothingAndWorksAgain) {
  if (!TheSmallFilesystems()) GTEST_SKIP() << "only root can mount file systems that fill up";
  const std::filesystem::path small = TheSmallFilesystems()->store;
  const auto store = storage::MakeFileStore(small);
  const std::string large(10U << 20U, 'x');
  ASSERT_OK(store->Put(ctx(), "i/first", AsBytes(large)));
  const Status full = store->Put(ctx(), "i/deep/second", AsBytes(large));
  EXPECT_EQ(ReasonOf(full), "NO_SPACE");
  EXPECT_NE(full.hint(), "");
  const Status replaced = store->Replace(ctx(), "i/first", AsBytes(large));
  EXPECT_EQ(ReasonOf(replaced), "NO_SPACE");  // the new stands beside the old until it is whole
  ASSERT_OK_AND_ASSIGN(const bool half, store->Exists(ctx(), "i/deep/second"));
  EXPECT_FALSE(half);
  const auto first = store->Get(ctx(), "i/first", large.size());
  ASSERT_OK(first);
  EXPECT_EQ(first->size(), large.size());
  ASSERT_OK(store->Remove(ctx(), "i/first"));
  ASSERT_OK(store->Put(ctx(), "i/deep/second", AsBytes(large)));
  ASSERT_OK(store->Remove(ctx(), "i/deep/second"));
  EXPECT_EQ(FilesOnDisk(small), 0U);
}

}  // namespace
}  // namespace dbagent::tests
