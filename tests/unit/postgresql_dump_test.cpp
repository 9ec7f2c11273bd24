#include <gtest/gtest.h>

#include <array>

#include "datastores/postgresql/dump_header.h"
#include "datastores/postgresql/dump_text.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

const std::string kToken = "0c8b1a52-6f0e-4d55-9e1a-3c2f6a7b8c9d";

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
  const DumpHeader header{kToken,
                          {"alice", "line\nbreak; DROP", "🐘"},
                          {{"hstore", "my schema", "alice"}, {"dblink", "public", ""}}};
  Dripping inner(WriteHeader(header) + "--\n-- PostgreSQL database dump\n--\nSELECT 1;\n");
  HeaderSource source(inner);
  ASSERT_OK_AND_ASSIGN(const DumpHeader read, source.ReadHeader({}));
  EXPECT_EQ(read.roles, header.roles);
  EXPECT_EQ(read.token, kToken);
  EXPECT_EQ(read.extensions, header.extensions);
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
        "-- dbagent-role 00\n", "-- dbagent-extension 61\n", "-- dbagent-extension 61 61\n",
        "-- dbagent-extension 61 61 61 61\n", "-- dbagent-extension 61 - -\n",
        "-- dbagent-dump 2 \n", "-- dbagent-dump 2 short\n", "-- dbagent-dump 1\n",
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

TEST(PostgresqlDumpText, IsSplitAtTheTokensLineOnlyWhereverTheReadsEnd) {
  const std::string body = "SELECT 1;\n-- dbagent-tail other\n-- dbagent-tail " + kToken + "x\n\n";
  const std::string tail = "GRANT x;\n" + TailLine(kToken) + EndLine(kToken);
  Dripping inner(body + TailLine(kToken) + tail);
  SplitSource source(inner, TailLine(kToken));
  EXPECT_EQ(Rest(source), body);
  EXPECT_TRUE(source.found());
  EXPECT_EQ(Rest(source), "");
  source.Continue();
  EXPECT_EQ(Rest(source), tail);
}

TEST(PostgresqlDumpText, WithoutTheTokensLineThereIsNoTail) {
  for (const std::string& mark : {std::string(), TailLine(kToken)}) {
    const std::string text = "SELECT 1;" + TailLine(kToken).substr(0, 20);
    Dripping inner(text);
    SplitSource source(inner, mark);
    EXPECT_EQ(Rest(source), text);
    EXPECT_FALSE(source.found());
  }
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
