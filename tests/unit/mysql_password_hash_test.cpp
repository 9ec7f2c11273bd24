#include <gtest/gtest.h>

#include "datastores/mysql/password_hash.h"

namespace dbagent::datastore::mysql {
namespace {

const Dialect kMariaDb({"mysql", "MariaDB", "10.11.14", 10});
const Dialect kMySql({"mysql", "MySQL", "9.7.4", 9});

TEST(MysqlPasswordHash, IsTheServersOwn) {  // what a MariaDB stored after IDENTIFIED BY 'plainpw'
  EXPECT_EQ(StoredCredentialFor(kMariaDb, Secret("plainpw")),
            "*0DD5E2E54EE89C1B54FFF3E4BFADDAD24D81E426");
}

TEST(MysqlPasswordHash, HasAFreshSaltEachTime) {
  const std::string one = StoredCredentialFor(kMySql, Secret("pw"));
  EXPECT_EQ(one.size(), 7U + 20U + 43U);
  EXPECT_TRUE(one.starts_with("$A$005$"));
  EXPECT_NE(one, StoredCredentialFor(kMySql, Secret("pw")));
  EXPECT_EQ(one, CachingSha2Credential("pw", one.substr(7, 20)));
}

TEST(MysqlPasswordHash, OfNoPasswordIsOneThatNoneGives) {
  EXPECT_EQ(StoredCredentialFor(kMariaDb, Secret()), "invalid");
  EXPECT_EQ(StoredCredentialFor(kMySql, Secret()), kMySql.no_password_credential());
}

}  // namespace
}  // namespace dbagent::datastore::mysql
