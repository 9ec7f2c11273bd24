#include <gtest/gtest.h>

#include "datastores/postgresql/versions.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

TEST(PostgresqlVersions, ReadsWhatTheProgramSays) {
  ASSERT_OK_AND_ASSIGN(
      const DatastoreInfo info,
      ParseVersion("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n", false));
  EXPECT_EQ(info.version, "15.20");
  EXPECT_EQ(info.major, 15U);
  EXPECT_EQ(info.product, "PostgreSQL");
  EXPECT_EQ(ReasonOf(ParseVersion("postgres (PostgreSQL) 18.6\n", false)), "OK");
}

TEST(PostgresqlVersions, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(ReasonOf(ParseVersion("postgres (PostgreSQL) 14.11\n", true)), "VERSION_UNSUPPORTED");
  EXPECT_EQ(ReasonOf(ParseVersion("mysqld  Ver 8.0.36\n", true)), "VERSION_UNSUPPORTED");
  const auto newer = ParseVersion("postgres (PostgreSQL) 19beta1\n", false);
  EXPECT_EQ(ReasonOf(newer), "VERSION_UNSUPPORTED");
  EXPECT_NE(newer.status().hint().find("allow_unknown_major"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const DatastoreInfo allowed,
                       ParseVersion("postgres (PostgreSQL) 19beta1\n", true));
  EXPECT_EQ(allowed.major, 19U);
}

TEST(PostgresqlVersions, KnowsWhichPsqlCanBeRestricted) {
  const auto knows = [](const char* version, std::uint32_t major) {
    return PsqlKnowsRestrict({"postgresql", "PostgreSQL", version, major});
  };
  EXPECT_FALSE(knows("15.13", 15));
  EXPECT_TRUE(knows("15.14", 15));
  EXPECT_FALSE(knows("17.5", 17));
  EXPECT_TRUE(knows("18.0", 18));
  EXPECT_TRUE(knows("19beta1", 19));
}

TEST(PostgresqlVersions, SaysWhereItLooked) {
  const auto missing = FindPrograms("/nonexistent/bin");
  EXPECT_EQ(ReasonOf(missing), "PROGRAM_NOT_FOUND");
  EXPECT_NE(missing.status().message().find("/nonexistent/bin"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
