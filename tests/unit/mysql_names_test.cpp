#include <gtest/gtest.h>

#include "datastores/mysql/names.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::mysql {
namespace {

using tests::ReasonOf;

std::string Times(std::size_t count, std::string_view text) {
  std::string out;
  while (count-- > 0) out += text;
  return out;
}

const Dialect kMariaDb({"mysql", "MariaDB", "10.11.14", 10});
const Dialect kMySql({"mysql", "MySQL", "9.7.4", 9});
const ServerSettings kSettings = [] {
  ServerSettings settings;
  settings.os_user = "agent";
  settings.server_user = "the server's";
  return settings;
}();

TEST(MysqlNames, TakesWhatTheServerCanHold) {
  for (const std::string& name :
       {std::string("shop"), std::string("a/b"), std::string("."), std::string("`'\"\\"),
        Times(64, "x"), Times(64, "é"), Times(51, "日"), std::string(" lead"), std::string("-x")}) {
    EXPECT_OK(CheckDatabaseName(name)) << name;
  }
}

TEST(MysqlNames, RefusesWhatItCannotHoldAndSaysTheLimit) {
  for (const std::string& name :
       {std::string(), Times(65, "x"), Times(52, "日"), std::string("tail "),
        std::string("bad\xff"), std::string("\xf0\x9f\x98\x80"), std::string("a\0b", 3)}) {
    EXPECT_EQ(ReasonOf(CheckDatabaseName(name)), "NAME_INVALID") << name;
  }
  EXPECT_EQ(CheckDatabaseName(Times(65, "x")).message(),
            "unable to use database name '" + Times(65, "x") +
                "': it has 65 characters, and 64 is the limit");
  EXPECT_NE(
      CheckDatabaseName(Times(52, "日")).message().find("it has 260 bytes, and 255 is the limit"),
      std::string::npos);
}

TEST(MysqlNames,
     KnowsTheServersFileNames) {  // asked of the servers: LENGTH(CONVERT(… USING filename))
  EXPECT_EQ(FileNameLength("aZ_09"), 5U);
  EXPECT_EQ(FileNameLength("a b"), 7U);
  EXPECT_EQ(FileNameLength("é"), 3U);
  EXPECT_EQ(FileNameLength("×"), 5U);
  EXPECT_EQ(FileNameLength("日"), 5U);
  EXPECT_EQ(FileNameLength("ὠ"), 3U);
}

TEST(MysqlNames, KeepsReservedNamesApart) {
  for (const char* name :
       {"mysql", "SYS", "Information_Schema", "performance_schema", "lost+found", "#mysql50#x"}) {
    EXPECT_EQ(ReasonOf(CheckDatabaseName(name)), "NAME_RESERVED") << name;
  }
  for (const char* name :
       {"root", "agent", "the server's", "mysql.sys", "mariadb.sys", "PUBLIC", "mysql"}) {
    EXPECT_EQ(ReasonOf(CheckUser(kMariaDb, kSettings, {name, "%"})), "NAME_RESERVED") << name;
  }
  EXPECT_OK(CheckUser(kMariaDb, kSettings, {"Root", "%"}));
}

TEST(MysqlNames, KnowsEachProductsUserLimit) {
  EXPECT_OK(CheckUser(kMariaDb, kSettings, {Times(128, "x"), "%"}));
  EXPECT_EQ(ReasonOf(CheckUser(kMariaDb, kSettings, {Times(129, "x"), "%"})), "NAME_INVALID");
  EXPECT_OK(CheckUser(kMySql, kSettings, {Times(32, "é"), "%"}));
  EXPECT_EQ(ReasonOf(CheckUser(kMySql, kSettings, {Times(33, "x"), "%"})), "NAME_INVALID");
}

TEST(MysqlNames, ChecksHosts) {
  for (const char* host :
       {"%", "10.0.0.%", "192.0.2.0/255.255.255.0", "db-1.example.org", "::1", "2001:db8::%", ""}) {
    EXPECT_OK(CheckUser(kMariaDb, kSettings, {"u", host})) << host;
  }
  for (const std::string& host :
       {std::string("a b"), std::string("a@b"), std::string("'"), std::string("10.0.0.0/x"),
        std::string("host/24"), std::string("é"), std::string(256, 'h')}) {
    EXPECT_EQ(ReasonOf(CheckUser(kMariaDb, kSettings, {"u", host})), "HOST_INVALID") << host;
  }
  EXPECT_OK(CheckUser(kMySql, kSettings, {"u", "10.0.0.0/8"}));
  EXPECT_EQ(ReasonOf(CheckUser(kMariaDb, kSettings, {"u", "10.0.0.0/8"})), "HOST_INVALID");
  EXPECT_EQ(Normalised({"u", ""}).host, "%");
  EXPECT_EQ(Normalised({"u", "DB.Example"}).host, "db.example");
}

TEST(MysqlNames, ChecksPasswords) {
  EXPECT_OK(CheckPassword(kMySql, Secret("\x01\xff'\"\\")));
  EXPECT_EQ(ReasonOf(CheckPassword(kMySql, Secret(std::string_view("a\0b", 3)))),
            "PASSWORD_INVALID");
  EXPECT_EQ(ReasonOf(CheckPassword(kMySql, Secret(std::string(257, 'x')))), "PASSWORD_INVALID");
  EXPECT_OK(CheckPassword(kMariaDb, Secret(std::string(257, 'x'))));
}

}  // namespace
}  // namespace dbagent::datastore::mysql
