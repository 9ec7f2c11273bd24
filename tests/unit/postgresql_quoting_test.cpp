#include <gtest/gtest.h>

#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

TEST(PostgresqlQuoting, IdentifiersDoubleTheirQuotes) {
  EXPECT_EQ(Identifier("plain"), "\"plain\"");
  EXPECT_EQ(Identifier("a\"b\"\"c"), "\"a\"\"b\"\"\"\"c\"");
  EXPECT_EQ(Identifier("x\"; DROP ROLE y; --\\'"), "\"x\"\"; DROP ROLE y; --\\'\"");
  EXPECT_EQ(Identifier("🐘"), "\"🐘\"");
}

TEST(PostgresqlQuoting, LiteralsMeanTheSameWhateverStandardConformingStringsIs) {
  EXPECT_EQ(Literal(""), "''");
  EXPECT_EQ(Literal("it's"), "'it''s'");
  EXPECT_EQ(Literal("back\\slash'"), "E'back\\\\slash'''");
  EXPECT_EQ(Literal("\\'; DROP"), "E'\\\\''; DROP'");
}

TEST(PostgresqlQuoting, ConnectionValuesAreOneValue) {
  EXPECT_EQ(ConnectionValue("a b"), "'a b'");
  EXPECT_EQ(ConnectionValue("x' host=evil \\"), "'x\\' host=evil \\\\'");
  EXPECT_EQ(ConnectionValue(""), "''");
}

TEST(PostgresqlQuoting, ConfigurationValuesAreOneValue) {
  EXPECT_EQ(ConfigurationValue("/a b/it's\\"), "'/a b/it''s\\\\'");
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
