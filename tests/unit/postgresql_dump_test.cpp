#include <gtest/gtest.h>

#include <array>

#include "datastores/postgresql/dump_header.h"
#include "datastores/postgresql/dump_text.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

// Gives out one byte at a time, so that every boundary is met.
class Dripping : public stream::Source {
 public:
  explicit Dripping(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> Read(const OpContext&, std::span<std::byte> buffer) override {
    if (at_ == text_.size()) return std::size_t{0};
    buffer[0] = static_cast<std::byte>(text_[at_++]);
    return std::size_t{1};
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class Discard : public stream::Sink {
 public:
  Status Write(const OpContext&, Bytes) override { return Ok(); }
};

std::string Rest(stream::Source& source) {
  std::string text;
  std::array<std::byte, 7> buffer;
  for (;;) {
    const Result<std::size_t> got = source.Read({}, buffer);
    if (!got.ok() || *got == 0) return text;
    text += AsText(Bytes(buffer).first(*got));
  }
}

TEST(PostgresqlDumpHeader, ComesBackAndLeavesTheTextBehindIt) {
  const DumpHeader header{{"alice", "line\nbreak; DROP", "🐘"}, {{"alice", "CONNECT, TEMPORARY"}}};
  Dripping inner(WriteHeader(header) + "--\n-- PostgreSQL database dump\n--\nSELECT 1;\n");
  HeaderSource source(inner);
  ASSERT_OK_AND_ASSIGN(const DumpHeader read, source.ReadHeader({}));
  EXPECT_EQ(read.roles, header.roles);
  EXPECT_EQ(read.grants, header.grants);
  ASSERT_OK_AND_ASSIGN(const std::string_view beginning, source.Peek({}, 10));
  EXPECT_TRUE(beginning.starts_with("--\n-- Post"));
  EXPECT_EQ(Rest(source), "--\n-- PostgreSQL database dump\n--\nSELECT 1;\n");
}

TEST(PostgresqlDumpHeader, ATextWithoutOneIsWhole) {
  for (const std::string text : {"", "\n", "--\n", "-- dbag", "SELECT 1;", "-- a comment\n"}) {
    Dripping inner(text);
    HeaderSource source(inner);
    ASSERT_OK_AND_ASSIGN(const DumpHeader read, source.ReadHeader({}));
    EXPECT_TRUE(read.roles.empty());
    EXPECT_EQ(Rest(source), text);
  }
}

TEST(PostgresqlDumpHeader, RefusesLinesThatItDidNotWrite) {
  for (const std::string line :
       {"-- dbagent-role zz\n", "-- dbagent-role 616\n", "-- dbagent-role \n",
        "-- dbagent-role 00\n", "-- dbagent-grant 61 SUPERUSER\n",
        "-- dbagent-grant 61 CONNECT ON DATABASE x TO y; --\n", "-- dbagent-grant 61\n",
        "-- dbagent-else\n", "-- dbagent-role 61"}) {
    Dripping inner(line);
    HeaderSource source(inner);
    EXPECT_EQ(ReasonOf(source.ReadHeader({})), "CORRUPT_DUMP") << line;
  }
}

bool IsComplete(const std::string& text) {
  Discard discard;
  EndingSink sink(discard);
  for (const char& c : text) EXPECT_OK(sink.Write({}, AsBytes({&c, 1})));
  return sink.IsComplete(RestrictToken(sink.beginning()));
}

TEST(PostgresqlDumpText, IsCompleteWithItsLastLineOnly) {
  const std::string plain =
      "--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump "
      "complete\n--\n\n";
  EXPECT_TRUE(IsComplete(plain));
  EXPECT_FALSE(IsComplete(plain.substr(0, plain.size() - 4)));
  EXPECT_FALSE(IsComplete(plain + "SELECT 2;\n"));
  EXPECT_FALSE(IsComplete(""));
}

TEST(PostgresqlDumpText, TheTokenKeepsTableDataFromLookingLikeTheEnd) {
  const std::string begin = "--\n-- PostgreSQL database dump\n--\n\n\\restrict aBc\n\nSELECT 1;\n";
  const std::string end = "\n--\n-- PostgreSQL database dump complete\n--\n\n";
  EXPECT_TRUE(IsComplete(begin + end + "\\unrestrict aBc\n\n"));
  EXPECT_FALSE(IsComplete(begin + end));
  EXPECT_FALSE(IsComplete(begin + end + "\\unrestrict other\n\n"));
  EXPECT_FALSE(IsComplete(begin + end + "\\unrestrict aBc"));
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
