#include <gtest/gtest.h>

#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

TEST(MysqlQuote, DoublesBackticksInIdentifiers) {
  EXPECT_EQ(QuoteIdentifier("shop"), "`shop`");
  EXPECT_EQ(QuoteIdentifier("a`b``"), "`a``b`````");
  EXPECT_EQ(QuoteIdentifier("x`; DROP DATABASE y; --"), "`x``; DROP DATABASE y; --`");
  EXPECT_EQ(QuoteIdentifier("back\\slash'\""), "`back\\slash'\"`");
}

TEST(MysqlQuote, EscapesWhatEndsALiteral) {
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("\\"), "'\\\\'");
  EXPECT_EQ(QuoteLiteral("\\' OR 1=1 --"), "'\\\\'' OR 1=1 --'");
  EXPECT_EQ(QuoteLiteral(std::string_view("a\0b", 3)), "'a\\0b'");
  EXPECT_EQ(QuoteAccount("o'neil", "%"), "'o''neil'@'%'");
}

TEST(MysqlQuote, EscapesPatternsSoThatTheyMeanThemselves) {
  EXPECT_EQ(EscapePattern("a_b%c\\d"), "a\\_b\\%c\\\\d");
  for (const char* name : {"plain", "a_b", "50%", "back\\slash", "\\_", "_\\%", "\\\\"}) {
    EXPECT_EQ(UnescapePattern(EscapePattern(name)), name);
  }
  EXPECT_EQ(UnescapePattern("shop_%"), "shop_%");  // a real pattern of somebody else's
}

}  // namespace
}  // namespace dbagent::datastore::mysql
