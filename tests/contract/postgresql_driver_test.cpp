// What only PostgreSQL's driver promises (datastores/postgresql/README.md), on the contract suite's
// server.
#include <libpq-fe.h>

#include <algorithm>
#include <array>

#include "tests/contract/contract_test.h"
#include "tests/contract/text_streams.h"

namespace dbagent::tests {
namespace {

constexpr const char* kPassword = "pa ss'word";

class PostgresqlDriver : public ContractTest {
 protected:
  std::unique_ptr<ClientSession> SessionOf(const UserId& user, const std::string& database) {
    auto session = LogIn(user.name, kPassword, database);
    EXPECT_OK(session);
    return session.ok() ? *std::move(session) : RootSession(database);
  }
  bool Reads(const UserId& user, const std::string& database, const std::string& table) {
    return Can(*SessionOf(user, database), "SELECT * FROM " + table);
  }
  std::string One(const std::string& database, const std::string& sql) {
    const auto rows = RootSession(database)->Query(sql);
    EXPECT_OK(rows) << sql;
    return rows.ok() && !rows->empty() ? rows->at(0).at(0) : "";
  }
  UserId MakeWith(const std::string& name, const std::string& database, PrivilegeSet set) {
    const UserId user = MakeUser(name);
    EXPECT_OK(grants().GrantTo(ctx(), user, GrantOf(database, set)));
    return user;
  }
};

TEST_F(PostgresqlDriver, AReaderReadsSchemasThatAreMadeLater) {
  MakeDatabase("shop");
  const UserId reader = MakeWith("reader", "shop", PrivilegeSet::kReadOnly);
  const UserId maker = MakeWith("maker", "shop", PrivilegeSet::kAll);
  ASSERT_OK(SessionOf(maker, "shop")->Query("CREATE SCHEMA \"la ter\" CREATE TABLE t (i serial)"));
  EXPECT_TRUE(Reads(reader, "shop", "\"la ter\".t"));
  EXPECT_TRUE(Reads(reader, "shop", "\"la ter\".t_i_seq"));
  EXPECT_FALSE(Can(*SessionOf(reader, "shop"), "INSERT INTO \"la ter\".t VALUES (1)"));
}

TEST_F(PostgresqlDriver, AReaderReadsWhatANewOwnerAndAMemberOfAGroupMake) {
  MakeDatabase("shop");
  const UserId reader = MakeWith("reader", "shop", PrivilegeSet::kReadOnly);
  const UserId owner = MakeUser("owner");
  DatabaseChange change;
  change.name = "shop";
  change.owner = owner.name;
  ASSERT_OK(databases().Update(ctx(), change));
  ASSERT_OK(SessionOf(owner, "shop")->Query("CREATE TABLE of_owner (i int)"));
  EXPECT_TRUE(Reads(reader, "shop", "of_owner"));
  const UserId group = MakeWith("group", "shop", PrivilegeSet::kAll);
  UserSpec member{User("member"), Secret(kPassword), {}};
  member.attributes.member_of = {{group.name}};
  ASSERT_OK(users().Create(ctx(), member));
  ASSERT_OK(SessionOf(member.id, "shop")->Query("CREATE TABLE of_member (i int)"));
  EXPECT_TRUE(Reads(reader, "shop", "of_member"));
}

TEST_F(PostgresqlDriver, RevokingAllLeavesNoTraceInTheCatalogs) {
  MakeDatabase("shop");
  const UserId maker = MakeWith("maker", "shop", PrivilegeSet::kAll);
  const UserId reader = MakeWith("reader", "shop", PrivilegeSet::kReadOnly);
  ASSERT_OK(grants().RevokeFrom(ctx(), reader, GrantOf("shop", PrivilegeSet::kReadOnly)));
  EXPECT_EQ(One("shop", "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'reader'::regrole"),
            "0");
  ASSERT_OK(grants().RevokeFrom(ctx(), maker, GrantOf("shop", PrivilegeSet::kAll)));
  EXPECT_EQ(One("shop", "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'maker'::regrole"), "0");
  EXPECT_EQ(One("shop", "SELECT count(*) FROM pg_default_acl"), "0");
}

TEST_F(PostgresqlDriver, UsersEnterNoDatabaseThatIsNotTheirs) {
  MakeDatabase("closed");
  const UserId user = MakeUser("stranger");
  for (const std::string database : {"postgres", "template1", "closed"}) {
    EXPECT_FALSE(LogIn(user.name, kPassword, database).ok()) << database;
  }
  EXPECT_EQ(One("postgres",
                "SELECT count(*) FROM pg_roles WHERE rolname = 'postgres' AND NOT rolcanlogin"),
            "1");
}

TEST_F(PostgresqlDriver, TheAgentsRoleNeverLogsInOverTheNetworkAndNobodyReplicates) {
  const std::string agent = server().settings().os_user;
  ASSERT_OK(RootSession()->Query("ALTER ROLE " + Q(agent) + " PASSWORD 'known'"));
  const auto refused = LogIn(agent, "known");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().FullMessage().find("pg_hba.conf rejects"), std::string::npos)
      << refused.status().FullMessage();
  ASSERT_OK(RootSession()->Query("ALTER ROLE " + Q(agent) + " PASSWORD NULL"));
  const std::string port = std::to_string(server().settings().port);
  const std::array<const char*, 7> keys = {
      "host", "port", "user", "password", "replication", "connect_timeout", nullptr};
  const std::array<const char*, 7> values = {"127.0.0.1", port.c_str(), "root", "root's own",
                                             "true",      "10",         nullptr};
  PGconn* const connection = PQconnectdbParams(keys.data(), values.data(), 0);
  EXPECT_EQ(PQstatus(connection), CONNECTION_BAD);
  EXPECT_NE(std::string(PQerrorMessage(connection)).find("pg_hba.conf rejects"), std::string::npos);
  PQfinish(connection);
}

TEST_F(PostgresqlDriver, WorksInDatabasesOfOtherEncodingsWithNamesThatTheyCannotHold) {
  DatabaseSpec spec;
  spec.name = Database("wéstern 🐘");
  spec.character_set = "LATIN1";
  ASSERT_OK(databases().Create(ctx(), spec));
  const UserId user = MakeWith("Ünïcödé 🐘", spec.name, PrivilegeSet::kReadOnly);
  ASSERT_OK(RootSession(spec.name)->Query("CREATE TABLE t AS SELECT 'ü' AS c"));
  EXPECT_TRUE(Reads(user, spec.name, "t"));
  ASSERT_OK_AND_ASSIGN(const auto listed, grants().List(ctx(), user));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].set, PrivilegeSet::kReadOnly);
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts,
                       store().logical_backup()->Dump(ctx(), spec.name, dump));
  ASSERT_OK(databases().Drop(ctx(), spec.name));
  TextSource source(dump.text);
  ASSERT_OK(store().logical_backup()->Load(ctx(), {facts.database, false}, source));
  EXPECT_TRUE(Reads(user, spec.name, "t"));
  ASSERT_OK(users().Drop(ctx(), user));
}

TEST_F(PostgresqlDriver, ALoadMakesMissingOwnersWithoutLoginUntilNothingIsTheirs) {
  MakeDatabase("orphaned");
  const UserId maker = MakeWith("gone \"one\"", "orphaned", PrivilegeSet::kAll);
  ASSERT_OK(SessionOf(maker, "orphaned")->Query("CREATE TABLE t (i int)"));
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts,
                       store().logical_backup()->Dump(ctx(), "orphaned", dump));
  ASSERT_OK(databases().Drop(ctx(), "orphaned"));
  ASSERT_OK(users().Drop(ctx(), maker));
  TextSource source(dump.text);
  ASSERT_OK(store().logical_backup()->Load(ctx(), {facts.database, false}, source));
  EXPECT_EQ(One("orphaned", "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), maker.name);
  const std::string roles =
      "SELECT string_agg(rolcanlogin::text, ' ') FROM pg_roles WHERE rolname LIKE 'gone%'";
  EXPECT_EQ(One("orphaned", roles), "false");
  ASSERT_OK(databases().Drop(ctx(), "orphaned"));
  EXPECT_EQ(One("postgres", roles), "<null>");
}

TEST_F(PostgresqlDriver, TheTextOfADumpRunsNoProgram) {
  ASSERT_OK_AND_ASSIGN(DatabaseInfo target, databases().Get(ctx(), MakeDatabase("plain")));
  target.name = Database("other");
  const std::string mark = (server().directory() / "ran").string();
  // without the lines by which newer versions of pg_dump restrict psql themselves
  TextSource source("\\! touch " + mark + "\n\n-- PostgreSQL database dump complete\n--\n\n");
  EXPECT_EQ(ReasonOf(store().logical_backup()->Load(ctx(), {target, false}, source)),
            "TOOL_FAILED");
  ASSERT_OK_AND_ASSIGN(const bool ran, os::Exists(mark));
  EXPECT_FALSE(ran);
}

TEST_F(PostgresqlDriver, WhatAKilledCreateLeftIsHiddenAndSweptByTheNext) {
  ASSERT_OK(RootSession()->Query("CREATE DATABASE \"dbagent-unfinished-x\""));
  const std::vector<std::string> names = DatabaseNames();
  EXPECT_EQ(std::count(names.begin(), names.end(), "dbagent-unfinished-x"), 0);
  EXPECT_EQ(ReasonOf(databases().Get(ctx(), "dbagent-unfinished-x")), "NAME_RESERVED");
  MakeDatabase("next");
  EXPECT_EQ(One("next", "SELECT count(*) FROM pg_database WHERE datname LIKE 'dbagent-unf%'"), "0");
}

TEST_F(PostgresqlDriver, DisablingRootSwitchesItsEventTriggersOff) {
  MakeDatabase("shop");
  {
    const auto root = RootSession("shop");
    ASSERT_OK(
        root->Query("CREATE FUNCTION spy() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
                    "RAISE EXCEPTION 'seen'; END $$"));
    ASSERT_OK(
        root->Query("CREATE EVENT TRIGGER spy ON ddl_command_end WHEN TAG IN ('CREATE TABLE') "
                    "EXECUTE FUNCTION spy()"));
  }
  DisableRoot();
  EXPECT_EQ(One("shop", "SELECT evtenabled FROM pg_event_trigger"), "D");
  EXPECT_TRUE(Can(*RootSession("shop"), "CREATE TABLE t (i int)"));
}

}  // namespace
}  // namespace dbagent::tests
