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
    const bool again = options.mark != nullptr && options.mark->again();
    ASSIGN_OR_RETURN(Beneath beneath, Beneath::Open(into_, again));
    return unpack(fd.get(), beneath, options);
  }
  // Ends with the archive after `cut` bytes, as if killed there; then again, from its mark.
  Status UnpackTwice(Status (*unpack)(int, Beneath&, const UnpackOptions&),
                     const std::string& archive, std::size_t cut, std::uint64_t& begun_at) {
    const os::Path mark_file = directory_ / "mark";
    for (const bool again : {false, true}) {
      ASSIGN_OR_RETURN(UnpackMark mark, UnpackMark::Open(mark_file, std::chrono::milliseconds(0)));
      EXPECT_EQ(mark.again(), again);
      begun_at = mark.begin();
      EXPECT_LE(begun_at, again ? cut : 0);
      const Status done =
          Unpack(unpack, again ? archive.substr(begun_at) : archive.substr(0, cut), {{}, &mark});
      if (again) RETURN_IF_ERROR(done);
      done.Ignore("it was cut");
    }
    return os::RemoveFile(mark_file);
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

TEST_F(HelperUnpack, ATarThatWasCutOffGoesOnFromItsMark) {
  const std::string large(3000, 'l'), long_name = std::string(90, 'n') + "/" + std::string(99, 'm');
  const std::string archive = Tar({{"base", "", AE_IFDIR},
                                   {"base/1", "one"},
                                   {"large", large},
                                   {"empty", ""},
                                   {long_name, "x"}});
  std::set<std::uint64_t> beginnings;
  for (std::size_t cut = 0; cut < archive.size(); cut += 100) {
    std::uint64_t begun_at = 0;
    ASSERT_OK(UnpackTwice(UnpackTar, archive, cut, begun_at)) << cut;
    beginnings.insert(begun_at);
    EXPECT_EQ(Read("base/1"), "one");
    EXPECT_EQ(Read("large"), large);
    EXPECT_EQ(Read("empty"), "");
    EXPECT_EQ(Read(long_name), "x");
    ASSERT_OK(os::RemoveTree(into_));
  }
  EXPECT_EQ(beginnings.size(), 5U);  // every member's
}

TEST_F(HelperUnpack, AnMbstreamThatWasCutOffGoesOnFromItsMark) {
  const std::vector<std::string> chunks = {
      Chunk('P', "a", "one "), Chunk('P', "b", "B"), Chunk('P', "a", "two ", 4),
      Chunk('E', "b"),         Chunk('E', "empty"),  Chunk('P', "a", "3", 8),
      Chunk('E', "a")};
  std::string archive;
  for (const std::string& chunk : chunks) archive += chunk;
  std::set<std::uint64_t> beginnings;
  for (std::size_t cut = 0; cut <= archive.size(); ++cut) {
    std::uint64_t begun_at = 0;
    ASSERT_OK(UnpackTwice(UnpackMbstream, archive, cut, begun_at)) << cut;
    beginnings.insert(begun_at);
    EXPECT_EQ(Read("a"), "one two 3");
    EXPECT_EQ(Read("b"), "B");
    EXPECT_EQ(Read("empty"), "");
    ASSERT_OK(os::RemoveTree(into_));
  }
  EXPECT_EQ(beginnings.size(), chunks.size() + 1);
}

// What was not on the disk when the power failed may hold anything.
TEST_F(HelperUnpack, WhatLiesBehindTheMarkIsWrittenOver) {
  const std::string first = Chunk('P', "a", "one "), rest = Chunk('P', "a", "two", 4) +
                                                            Chunk('E', "a") + Chunk('P', "b", "B") +
                                                            Chunk('E', "b");
  ASSERT_OK(os::MakeDirectories(into_, 0700));
  ASSERT_OK(os::WriteFileAtomic(into_ / "a", "one garbage", 0600));
  ASSERT_OK(os::WriteFileAtomic(into_ / "b", "garbage", 0600));
  ASSERT_OK(os::WriteFileAtomic(directory_ / "mark", fmt::format("{}\n", first.size()), 0600));
  ASSERT_OK_AND_ASSIGN(UnpackMark mark,
                       UnpackMark::Open(directory_ / "mark", std::chrono::milliseconds(0)));
  ASSERT_OK(Unpack(UnpackMbstream, rest, {{}, &mark}));
  EXPECT_EQ(Read("a"), "one two");
  EXPECT_EQ(Read("b"), "B");
}

TEST_F(HelperUnpack, AMarkThatCannotBeReadIsTheBeginning) {
  for (const char* text :
       {"", "12", "12x\n", "-1\n", "end\n", "1234567890123456789012345678901234567890\n"}) {
    ASSERT_OK(os::WriteFileAtomic(directory_ / "mark", text, 0600));
    ASSERT_OK_AND_ASSIGN(const UnpackMark mark,
                         UnpackMark::Open(directory_ / "mark", std::chrono::milliseconds(0)));
    EXPECT_TRUE(mark.again()) << text;
    EXPECT_EQ(mark.begin(), 0U) << text;
  }
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
