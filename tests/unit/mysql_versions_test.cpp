#include <gtest/gtest.h>

#include "datastores/mysql/versions.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::mysql {
namespace {

TEST(MysqlVersions, ReadsWhatTheProgramsSay) {
  const auto mariadb = ParseVersion(
      "/usr/sbin/mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian "
      "12)\n");
  ASSERT_TRUE(mariadb.has_value());
  EXPECT_TRUE(mariadb->mariadb);
  EXPECT_EQ(mariadb->text, "10.11.19");
  EXPECT_EQ(mariadb->minor, 11U);
  const auto mysql = ParseVersion("/x/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n");
  ASSERT_TRUE(mysql.has_value());
  EXPECT_FALSE(mysql->mariadb);
  EXPECT_EQ(InfoOf(*mysql).version, "9.7.4");
  EXPECT_EQ(InfoOf(*mysql).major, 9U);
  for (const char* text : {"", "mysqld Ver", "mysqld  Ver x.y", "mysqld  Ver 9", "PostgreSQL 15"}) {
    EXPECT_FALSE(ParseVersion(text).has_value()) << text;
  }
}

TEST(MysqlVersions, RefusesUnknownNewerMajorsUnlessAllowed) {
  const auto reason = [](bool mariadb, std::uint32_t major, std::uint32_t minor, bool allow) {
    return tests::ReasonOf(
        CheckAccepted({mariadb, major, minor, fmt::format("{}.{}.1", major, minor)}, allow));
  };
  for (const auto& [mariadb, major, minor] :
       std::vector<std::tuple<bool, int, int>>{{true, 10, 6},
                                               {true, 10, 11},
                                               {true, 11, 4},
                                               {true, 11, 8},
                                               {false, 8, 0},
                                               {false, 8, 4},
                                               {false, 9, 7}}) {
    EXPECT_EQ(reason(mariadb, major, minor, false), "OK") << major << "." << minor;
  }
  EXPECT_EQ(reason(true, 12, 0, false), "VERSION_UNSUPPORTED");
  EXPECT_EQ(reason(true, 12, 0, true), "OK");
  EXPECT_EQ(reason(false, 10, 0, true), "OK");
  for (bool allow : {false, true}) {
    EXPECT_EQ(reason(true, 10, 5, allow), "VERSION_UNSUPPORTED");
    EXPECT_EQ(reason(false, 5, 7, allow), "VERSION_UNSUPPORTED");
  }
  const Status refused = CheckAccepted({true, 12, 1, "12.1.1"}, false);
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.hint().find("allow_unknown_major"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::datastore::mysql
