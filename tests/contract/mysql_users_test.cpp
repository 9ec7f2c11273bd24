// Accounts of MySQL and MariaDB that a logical backup carries: what only these servers have.
#include <atomic>
#include <map>
#include <thread>

#include "tests/contract/contract_test.h"
#include "tests/contract/text_streams.h"

namespace dbagent::tests {
namespace {

class MysqlUsers : public ContractTest {
 protected:
  bool mariadb() const { return traits().product == "MariaDB"; }
  datastore::LogicalBackup& backup() const { return *store().logical_backup(); }

  void Run(const std::vector<std::string>& statements) {
    const auto root = RootSession();
    for (const std::string& sql : statements) ASSERT_OK(root->Query(sql)) << sql;
  }
  std::string GrantsOf(const std::vector<std::string>& accounts) {
    const auto root = RootSession();
    std::string text;
    for (const std::string& account : accounts) {
      for (const std::string& sql : {"SHOW CREATE USER " + account, "SHOW GRANTS FOR " + account}) {
        if (mariadb() && account.find('@') == std::string::npos && sql[5] == 'C') continue;
        auto rows = root->Query(sql);
        EXPECT_OK(rows) << sql;
        if (!rows.ok()) continue;
        for (const auto& row : *rows) text += row[0] + "\n";
      }
    }
    return text;
  }
};

TEST_F(MysqlUsers, ComeBackWithRolesRightsOnTablesAndColumnsAndLimits) {
  MakeDatabase("my_shop");
  const UserId plain = User("al'i`ce");
  const UserId role = User("my role");
  const std::string alice = "'al\\'i`ce'@'%'";
  const std::string name = mariadb() ? "'my role'" : "'my role'@'%'";
  Run({"CREATE TABLE my_shop.t (a int, b int)", "CREATE PROCEDURE my_shop.p() SELECT 1",
       "CREATE TABLE my_shop.gone (a int)",
       "CREATE USER " + alice +
           " IDENTIFIED BY 'sec\\'ret' REQUIRE SUBJECT '/CN=x' WITH MAX_QUERIES_PER_HOUR 7 "
           "PASSWORD "
           "EXPIRE NEVER ACCOUNT LOCK",
       "CREATE ROLE " + name, "GRANT SELECT ON `my\\_shop`.* TO " + name,
       "GRANT INSERT (a), UPDATE (b) ON my_shop.t TO " + alice,
       "GRANT EXECUTE ON PROCEDURE my_shop.p TO " + alice + " WITH GRANT OPTION",
       "GRANT SELECT ON my_shop.gone TO " + alice, "GRANT PROCESS ON *.* TO " + alice,
       "GRANT " + name + " TO " + alice + " WITH ADMIN OPTION",
       "SET DEFAULT ROLE " + name + (mariadb() ? " FOR " : " TO ") + alice,
       "DROP TABLE my_shop.gone"});
  const std::string before = GrantsOf({alice, name});
  TextSink text;
  ASSERT_OK(backup().DumpUsers(ctx(), text));
  Run({"DROP USER " + alice, "DROP ROLE " + name});

  datastore::LoadUsersSpec spec;
  std::vector<std::string> notes;
  spec.before_account = [&](const UserId& id) {
    spec.made.push_back(id);
    return Ok();
  };
  spec.note = [&](const std::string& note) { notes.push_back(note); };
  TextSource source(text.text);
  ASSERT_OK(backup().LoadUsers(ctx(), spec, source));
  EXPECT_EQ(spec.made.size(), 2U);
  spec.part = datastore::LoadUsersSpec::Part::kRights;
  TextSource again(text.text);
  ASSERT_OK(backup().LoadUsers(ctx(), spec, again));
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("al'i`ce"), std::string::npos) << notes[0];
  // the right on the table that was dropped is what is missing
  std::string expected = before;
  const std::size_t gone = expected.find("`gone`");
  ASSERT_NE(gone, std::string::npos) << before;
  const std::size_t line = expected.rfind('\n', gone) + 1;
  expected.erase(line, expected.find('\n', gone) + 1 - line);
  EXPECT_EQ(GrantsOf({alice, name}), expected);
  ASSERT_OK(backup().DropUsers(ctx(), spec.made));
}

TEST_F(MysqlUsers, AStandInOfAMissingDefinerHasRightsInThatDatabaseOnly) {
  MakeDatabase("one");
  MakeDatabase("two");
  const UserId gone = MakeUser("gone", "pw");
  ASSERT_OK(grants().GrantTo(ctx(), gone, GrantOf("one", PrivilegeSet::kAll)));
  {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn("gone", "pw", "one"));
    ASSERT_OK(session->Query("CREATE TABLE t (i int)"));
    ASSERT_OK(session->Query("CREATE VIEW v AS SELECT i + 4 FROM t"));
    ASSERT_OK(session->Query("CREATE PROCEDURE p() SELECT * FROM two.secret"));
  }
  Run({"CREATE TABLE two.secret (i int)"});
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "one", dump));
  ASSERT_OK(databases().Drop(ctx(), "one"));
  ASSERT_OK(users().Drop(ctx(), gone));
  std::vector<UserId> made;
  const auto before = [&](const UserId& id) {
    EXPECT_EQ(ReasonOf(users().Get(ctx(), id)), "USER_NOT_FOUND");
    made.push_back(id);
    return Ok();
  };
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {facts.database, false, {}, before}, source));
  EXPECT_EQ(made, std::vector<UserId>{gone});
  const auto root = RootSession("one");
  ASSERT_OK(root->Query("INSERT INTO t VALUES (1)"));
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows, root->Query("SELECT * FROM v"));
  EXPECT_EQ(rows, (ClientSession::Table{{"5"}}));
  EXPECT_FALSE(Can(*root, "CALL p()"));
  ASSERT_OK(backup().DropUsers(ctx(), made));
}

TEST_F(MysqlUsers, AStandInServesEveryDatabaseThatALoadBringsAlsoAtOnce) {
  std::map<std::string, std::string> dumps;
  const UserId gone = MakeUser("gone", "pw");
  DatabaseInfo info;
  for (const std::string name : {"one", "two", "three"}) {
    MakeDatabase(name);
    ASSERT_OK(grants().GrantTo(ctx(), gone, GrantOf(name, PrivilegeSet::kAll)));
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn("gone", "pw", name));
    ASSERT_OK(session->Query("CREATE TABLE t AS SELECT 4 AS i"));
    ASSERT_OK(session->Query("CREATE VIEW v AS SELECT i FROM t"));
    TextSink dump;
    ASSERT_OK_AND_ASSIGN(const datastore::DumpFacts facts, backup().Dump(ctx(), name, dump));
    dumps[name] = dump.text;
    info = facts.database;
    ASSERT_OK(databases().Drop(ctx(), name));
  }
  ASSERT_OK(users().Drop(ctx(), gone));
  std::atomic<int> made = 0;
  const auto load = [&](const std::string& name) -> Status {
    DatabaseInfo target = info;
    target.name = name;
    TextSource source(dumps[name]);
    const auto before = [&](const UserId&) {
      ++made;
      return Ok();
    };
    return backup().Load(ctx(), {target, false, {}, before}, source);
  };
  std::string other;
  std::thread beside([&] { other = ReasonOf(load("two")); });
  const Status first = load("one");
  beside.join();
  EXPECT_OK(first);
  EXPECT_EQ(other, "OK");
  EXPECT_GE(made, 1);
  made = 0;
  EXPECT_OK(load("three"));
  EXPECT_EQ(made, 0) << "it was there already, so a failed load must not drop it";
  for (const std::string name : {"one", "two", "three"}) {
    const auto root = RootSession(name);
    ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows, root->Query("SELECT i FROM v"));
    EXPECT_EQ(rows, (ClientSession::Table{{"4"}})) << name;
  }
  EXPECT_FALSE(LogIn("gone", "pw", "one").ok());
  ASSERT_OK(backup().DropUsers(ctx(), {gone}));
}

}  // namespace
}  // namespace dbagent::tests
