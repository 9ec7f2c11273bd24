#include <gtest/gtest.h>

#include "datastores/postgresql/names.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

TEST(PostgresqlNames, AnythingThatTheServerHoldsIsAName) {
  for (const std::string name : {"a", "with space", "\"", "'; --", "line\nbreak", "🐘", "SELECT",
                                 "Postgres", "current_user", "PUBLIC"}) {
    EXPECT_EQ(ReasonOf(CheckDatabaseName(name)), "OK") << name;
    EXPECT_EQ(ReasonOf(CheckRoleName(name, "agent")), "OK") << name;
  }
  EXPECT_EQ(ReasonOf(CheckRoleName(std::string(63, 'x'), "agent")), "OK");
}

TEST(PostgresqlNames, BytesCountAndNotCharacters) {
  EXPECT_EQ(ReasonOf(CheckDatabaseName(std::string(64, 'x'))), "NAME_INVALID");
  std::string elephants;
  for (int i = 0; i < 15; ++i) elephants += "🐘";
  EXPECT_EQ(ReasonOf(CheckDatabaseName(elephants)), "OK");
  EXPECT_EQ(ReasonOf(CheckDatabaseName(elephants + "🐘")), "NAME_INVALID");
}

TEST(PostgresqlNames, RefusesWhatNoNameCanBe) {
  for (const std::string& name :
       {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string("\xc0\x80")}) {
    EXPECT_EQ(ReasonOf(CheckDatabaseName(name)), "NAME_INVALID");
    EXPECT_EQ(ReasonOf(CheckRoleName(name, "agent")), "NAME_INVALID");
  }
}

TEST(PostgresqlNames, RefusesTheServersOwnAndTheAgents) {
  for (const std::string name : {"postgres", "template0", "template1", "dbagent-unfinished-1"}) {
    EXPECT_EQ(ReasonOf(CheckDatabaseName(name)), "NAME_RESERVED") << name;
  }
  for (const std::string name :
       {"agent", "postgres", "root", "pg_", "pg_read_all_data", "public", "none", "dbagent-owner",
        "dbagent-heir", "dbagent-loader-1", "dbagent-loader-x"}) {
    EXPECT_EQ(ReasonOf(CheckRoleName(name, "agent")), "NAME_RESERVED") << name;
  }
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
