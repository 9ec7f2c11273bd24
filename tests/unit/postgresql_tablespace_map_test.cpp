#include <gtest/gtest.h>

#include "datastores/postgresql/tablespace_map.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

TEST(PostgresqlTablespaceMap, EveryPathBecomesTheNewGenerations) {
  ASSERT_OK_AND_ASSIGN(
      const std::string moved,
      MoveTablespaces("16400 /old/a\n16401 /odd\\\\name\\\nof a path\n", "/v/generations/2/t s"));
  EXPECT_EQ(moved, "16400 /v/generations/2/t s/16400\n16401 /v/generations/2/t s/16401\n");
  ASSERT_OK_AND_ASSIGN(const std::string none, MoveTablespaces("", "/v"));
  EXPECT_EQ(none, "");
}

TEST(PostgresqlTablespaceMap, ALineThatIsNoneIsRefused) {
  for (const char* bad : {"16400", "x /a\n", " /a\n", "../../etc /a\n"})
    EXPECT_EQ(tests::ReasonOf(MoveTablespaces(bad, "/v")), "ARCHIVE_CORRUPT") << bad;
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
