#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/helper/unpack.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::helper {
namespace {

struct Member {
  std::string name, content;
  unsigned type = AE_IFREG;
  std::string link{};
  bool hard = false;
};

std::string Tar(const std::vector<Member>& members) {
  std::string out(1U << 20U, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_ustar(writer);
  archive_write_open_memory(writer, out.data(), out.size(), &used);
  for (const Member& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_filetype(entry, member.type);
    archive_entry_set_perm(entry, 04777);
    archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    if (member.hard) archive_entry_set_hardlink(entry, member.link.c_str());
    if (!member.hard && !member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
    archive_write_header(writer, entry);
    archive_write_data(writer, member.content.data(), member.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  out.resize(used);
  return out;
}

std::string LittleEndian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}

std::string Chunk(char type, const std::string& name, const std::string& payload = "",
                  std::uint64_t offset = 0) {
  std::string out = "XBSTCK01" + std::string(1, '\0') + type + LittleEndian(name.size(), 4) + name;
  if (type == 'E') return out;
  const auto* const bytes = reinterpret_cast<const Bytef*>(payload.data());
  const uLong checksum = crc32(crc32(0, nullptr, 0), bytes, static_cast<uInt>(payload.size()));
  return out + LittleEndian(payload.size(), 8) + LittleEndian(offset, 8) +
         LittleEndian(checksum, 4) + payload;
}

class HelperUnpack : public ::testing::Test {
 protected:
  Status Unpack(Status (*unpack)(int, Beneath&, const UnpackOptions&), const std::string& archive,
                const UnpackOptions& options = {}) {
    const os::Path file = directory_ / "archive";
    RETURN_IF_ERROR(os::WriteFileAtomic(file, archive, 0600));
    RETURN_IF_ERROR(os::MakeDirectories(into_, 0700));
    const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    ASSIGN_OR_RETURN(Beneath beneath, Beneath::Open(into_));
    return unpack(fd.get(), beneath, options);
  }
  std::string Read(const std::string& name) {
    const Result<std::string> text = os::ReadFile(into_ / name);
    return text.ok() ? *text : text.status().reason();
  }
  tests::TempDir directory_;
  const os::Path into_ = directory_ / "into";
};

TEST_F(HelperUnpack, WritesFilesAndDirectoriesOfATarPrivately) {
  ASSERT_OK(Unpack(UnpackTar,
                   Tar({{"base", "", AE_IFDIR},
                        {"./base/1/2", "hello"},
                        {"empty", ""},
                        {"postgresql.auto.conf", "evil"},
                        {"left/deep/file", "evil"}}),
                   {{"postgresql.auto.conf", "left"}}));
  EXPECT_EQ(Read("base/1/2"), "hello");
  EXPECT_EQ(Read("empty"), "");
  EXPECT_EQ(Read("postgresql.auto.conf"), "NOT_FOUND");
  EXPECT_EQ(Read("left"), "NOT_FOUND");
  struct stat facts {};
  ASSERT_EQ(stat((into_ / "base/1/2").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
}

TEST_F(HelperUnpack, RefusesWhatCouldLeaveTheDirectory) {
  const std::vector<Member> refused = {
      {"/etc/passwd", "x"},
      {"../outside", "x"},
      {"a/../../outside", "x"},
      {"link", "", AE_IFLNK, "/etc"},
      {"hard", "", AE_IFREG, "base", true},
      {"device", "", AE_IFCHR},
      {"pipe", "", AE_IFIFO},
  };
  for (const Member& member : refused)
    EXPECT_EQ(tests::ReasonOf(Unpack(UnpackTar, Tar({member}))), "ARCHIVE_REFUSED") << member.name;
  EXPECT_EQ(tests::ReasonOf(Unpack(UnpackTar, Tar({{"twice", "a"}, {"twice", "b"}}))),
            "ARCHIVE_REFUSED");
  EXPECT_EQ(Read("../outside"), "NOT_FOUND");
}

TEST_F(HelperUnpack, NeverFollowsALinkThatLiesThere) {
  ASSERT_OK(os::MakeDirectories(into_, 0700));
  ASSERT_EQ(symlink("/tmp", (into_ / "data").c_str()), 0);
  EXPECT_EQ(tests::ReasonOf(Unpack(UnpackTar, Tar({{"data/file", "x"}}))), "ARCHIVE_REFUSED");
}

TEST_F(HelperUnpack, TellsABrokenTar) {
  const std::string whole = Tar({{"file", std::string(100000, 'x')}});
  EXPECT_EQ(tests::ReasonOf(Unpack(UnpackTar, whole.substr(0, 50000))), "ARCHIVE_CORRUPT");
  ASSERT_OK(os::RemoveTree(into_));
  EXPECT_EQ(
      tests::ReasonOf(Unpack(UnpackTar, "this is no archive at all, whatever one thinks of it")),
      "ARCHIVE_CORRUPT");
}

TEST_F(HelperUnpack, PutsInterleavedFilesOfAnMbstreamTogether) {
  ASSERT_OK(Unpack(UnpackMbstream, Chunk('P', "db/a.ibd", "one ") + Chunk('P', "b", "B") +
                                       Chunk('P', "./db/a.ibd", "two", 4) + Chunk('E', "b") +
                                       Chunk('E', "empty") + Chunk('E', "db/a.ibd")));
  EXPECT_EQ(Read("db/a.ibd"), "one two");
  EXPECT_EQ(Read("b"), "B");
  EXPECT_EQ(Read("empty"), "");
}

TEST_F(HelperUnpack, TellsABrokenMbstream) {
  const std::string good = Chunk('P', "a", "content");
  std::string altered = good;
  altered.back() ^= 1;
  for (const std::string& bad :
       {good, altered + Chunk('E', "a"), good.substr(0, good.size() - 3), good.substr(0, 5),
        "garbage" + good, Chunk('Q', "a", "x"), Chunk('P', "a", "x", 7) + Chunk('E', "a")}) {
    EXPECT_EQ(tests::ReasonOf(Unpack(UnpackMbstream, bad)), "ARCHIVE_CORRUPT");
    ASSERT_OK(os::RemoveTree(into_));
  }
  EXPECT_EQ(tests::ReasonOf(Unpack(UnpackMbstream, Chunk('P', "../a", "x") + Chunk('E', "../a"))),
            "ARCHIVE_REFUSED");
}

}  // namespace
}  // namespace dbagent::helper
