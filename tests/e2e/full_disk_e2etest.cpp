// File systems without room: under the store, and under the volume.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "agent/base/unique_fd.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/small_filesystems.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;

// A file that takes all room but `left` bytes, as long as it lives.
class Filler {
 public:
  Filler(const os::Path& filesystem, std::uintmax_t left) : file_(filesystem / "filler") {
    const UniqueFd fd(open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string page(4096, 'x');
    while (std::filesystem::space(filesystem).available > left &&
           write(fd.get(), page.data(), page.size()) > 0) {
    }
  }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  ~Filler() { unlink(file_.c_str()); }

 private:
  const os::Path file_;
};

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (!TheSmallFilesystems()) GTEST_SKIP() << "only root can mount file systems that fill up";
    const Status emptied =
        os::RemoveTree(TheSmallFilesystems()->volume / "v");  // an earlier test's
    ASSERT_TRUE(emptied.ok()) << emptied.ToString();
  }
  void Prepare() { agent_.PrepareWithApp({"shop"}); }
  // The reason of the call's error or of the database's.
  std::string Create(const std::string& name, const std::string& request_id = "",
                     std::string* hint = nullptr) {
    v1::CreateDatabasesRequest request;
    request.set_request_id(request_id);
    request.add_databases()->set_name(name);
    v1::CreateDatabasesResponse response;
    const Outcome outcome =
        Call<DatabaseService>(agent_, &DatabaseService::Stub::Create, request, response);
    if (hint != nullptr) *hint = outcome.hint;
    if (!outcome.ok() || !response.items(0).has_error()) return outcome.reason;
    return response.items(0).error().reason();
  }
  std::string Get(const std::string& name) {
    v1::GetDatabaseRequest request;
    request.set_name(name);
    v1::Database found;
    return Call<DatabaseService>(agent_, &DatabaseService::Stub::Get, request, found).reason;
  }
  v1::Operation Backup(const std::string& store) {
    v1::CreateBackupRequest request;
    request.set_store(store);
    request.add_databases("shop");
    v1::Operation operation;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason,
              "OK");
    return agent_.Finish(operation);
  }
  v1::Operation Restore(const v1::Operation& backup, const std::string& store,
                        const std::string& as) {
    v1::RestoreBackupRequest request;
    request.set_store(store);
    request.set_backup_id(backup.backup_id());
    v1::RestoreTarget& target = *request.add_databases();
    target.set_database("shop");
    target.set_restore_as(as);
    v1::Operation operation;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation).reason,
              "OK");
    return agent_.Finish(operation);
  }

  AgentProcess agent_;
};

int FilesBelow(const os::Path& folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().filename() != "filler") ++files;
  }
  return files;
}

TEST_F(FullDisk, ABackupToAStoreWithoutRoomFailsClearlyAndLeavesNothing) {
  const os::Path small = TheSmallFilesystems()->store;
  agent_.store_directory = small;
  const TempDir roomy;
  agent_.more_stores = ", {name: roomy, kind: file, path: " + roomy.path().native() + "}";
  agent_.Start();
  Prepare();
  Result<std::unique_ptr<ClientSession>> session =
      TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "shop"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  for (const std::string& sql : TheTraits().bulk_data) {
    const auto made = (*session)->Query(sql);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
  }
  session->reset();
  // with no room at all, and with room for a beginning
  for (const std::uintmax_t left : {0U, 256U << 10U, 512U << 10U}) {
    SCOPED_TRACE(left);
    const Filler filler(small, left);
    const v1::Operation failed = Backup("local");
    EXPECT_EQ(failed.state(), v1::FAILED);
    EXPECT_EQ(failed.error().reason(), "NO_SPACE") << failed.error().message();
    EXPECT_NE(failed.error().message().find(left == 0 ? "unable to begin backup"
                                                      : "unable to back up database 'shop'"),
              std::string::npos)
        << failed.error().message();
    EXPECT_NE(failed.error().hint(), "");
    EXPECT_EQ(FilesBelow(small), 0);
  }
  {
    const Filler filler(small, 0);
    const v1::Operation elsewhere = Backup("roomy");
    EXPECT_EQ(elsewhere.state(), v1::SUCCEEDED) << elsewhere.DebugString();
    EXPECT_EQ(Restore(elsewhere, "roomy", "from roomy").state(), v1::SUCCEEDED);
  }
  const v1::Operation again = Backup("local");
  EXPECT_EQ(again.state(), v1::SUCCEEDED) << again.DebugString();
  const Filler filler(small, 0);  // a restore needs no room on its store
  const v1::Operation restored = Restore(again, "local", "from local");
  EXPECT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString();
}

TEST_F(FullDisk, AVolumeWithoutRoomRefusesChangesAndWorksAgainWithoutARestart) {
  const os::Path small = TheSmallFilesystems()->volume;
  agent_.volume_root = small / "v";
  agent_.Start();
  Prepare();
  const pid_t pid = agent_.pid();
  {
    const Filler filler(small, 0);
    std::string hint;
    EXPECT_EQ(Create("refused", "the same", &hint), "NO_SPACE");
    EXPECT_NE(hint, "");
    EXPECT_EQ(Get("refused"), "DATABASE_NOT_FOUND");
    v1::CreateBackupRequest request;
    v1::Operation operation;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason,
              "NO_SPACE");
    EXPECT_EQ(Get("shop"), "OK");
  }
  EXPECT_EQ(Create("refused", "the same"), "OK");
  // room for a beginning, then none: whatever was answered is true
  for (std::uintmax_t left = 4096; left <= 128U << 10U; left += 12288) {
    const std::string name = fmt::format("with {} bytes", left);
    SCOPED_TRACE(name);
    std::string reason;
    {
      const Filler filler(small, left);
      reason = Create(name);
    }
    ASSERT_TRUE(agent_.BecomesHealthy());  // a server without room may have ended
    if (reason == "OK") {
      EXPECT_EQ(Get(name), "OK");
    } else if (reason == "NO_SPACE") {
      EXPECT_EQ(Get(name), "DATABASE_NOT_FOUND");
    }
    EXPECT_EQ(Create(name + " later"), "OK");
  }
  EXPECT_EQ(agent_.pid(), pid);
  EXPECT_TRUE(agent_.running());
}

using MysqlFullDisk = FullDisk;

TEST_F(MysqlFullDisk, OnlyMysqlNeedsRoomOnTheVolumeForAPhysicalBackup) {
  const os::Path small = TheSmallFilesystems()->volume;
  agent_.volume_root = small / "v";
  agent_.Start();
  Prepare();
  const Filler filler(small, 64U << 20U);
  v1::CreateBackupRequest request;
  request.set_method(v1::BACKUP_METHOD_PHYSICAL);
  v1::Operation operation;
  ASSERT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason,
            "OK");
  const v1::Operation ended = agent_.Finish(operation);
  if (TheTraits().name == "mariadb") {
    EXPECT_EQ(ended.state(), v1::SUCCEEDED) << ended.DebugString();
    return;
  }
  EXPECT_EQ(ended.state(), v1::FAILED);
  EXPECT_EQ(ended.error().reason(), "NO_SPACE") << ended.DebugString();
  EXPECT_TRUE(testing::Matches(testing::ContainsRegex(
      "[0-9]{9} bytes are needed; the volume has [0-9]{8}"))(ended.error().message()))
      << ended.error().message();
  EXPECT_NE(ended.error().hint(), "");
  EXPECT_FALSE(agent_.HasStaging());
}

}  // namespace
}  // namespace dbagent::tests
