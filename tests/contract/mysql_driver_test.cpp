// What only the driver of MySQL and MariaDB promises (datastores/mysql/README.md), on the contract
// suite's server.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/contract/contract_test.h"
#include "tests/contract/text_streams.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

constexpr const char* kPassword = "Tr0ub4dor&3-clear";
constexpr const char* kNextPassword = "c0rrect-H0rse&clear";

// A variable that a root user may change for the whole server.
struct Setting {
  std::string name, value;
  std::string dump = "OK";  // the reason when a dump is refused: then it must not be a part only
};
void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.name << " = " << setting.value;
}

class MysqlDriver : public ContractTest {
 protected:
  void SetUp() override { root_ = RootSession(); }
  void TearDown() override {
    ResetGlobals();
    root_.reset();
    ContractTest::TearDown();
  }
  void ResetGlobals() {
    for (const auto& [name, before] : changed_)
      EXPECT_OK(root_->Query("SET GLOBAL " + name + " = " + before));
    if (!changed_.empty()) EndAgentsSessions();
    changed_.clear();
  }
  bool mariadb() const { return traits().name == "mariadb"; }
  std::string agent() const { return server().settings().os_user; }

  std::string One(const std::string& sql) {
    const auto rows = root_->Query(sql);
    EXPECT_OK(rows) << sql;
    return rows.ok() && !rows->empty() ? rows->at(0).at(0) : "";
  }
  bool Knows(const std::string& variable) {
    const auto rows = root_->Query("SHOW GLOBAL VARIABLES LIKE '" + variable + "'");
    EXPECT_OK(rows);
    return rows.ok() && !rows->empty();
  }
  // Until the end of the test, for the agent's sessions too.
  void SetGlobal(const std::string& name, const std::string& value) {
    const std::string before = One("SELECT @@GLOBAL." + name);
    const bool number =
        !before.empty() && before.find_first_not_of("0123456789.") == std::string::npos;
    changed_.emplace_back(name, number ? before : "'" + before + "'");
    ASSERT_OK(root_->Query("SET GLOBAL " + name + " = " + value));
    EndAgentsSessions();
  }
  // A session keeps the variables that it began with. They are gone when this returns: MariaDB
  // 10.11 crashes when a kill meets a statement that makes a temporary table.
  void EndAgentsSessions() {
    const Deadline deadline = Deadline::After(std::chrono::seconds(30));
    for (;;) {
      const auto sessions = root_->Query("SHOW PROCESSLIST");
      ASSERT_OK(sessions);
      bool left = false;
      for (const auto& row : *sessions) {
        if (row.at(1) != agent()) continue;
        left = true;
        Can(*root_, "KILL " + row.at(0));
      }
      if (!left) return;
      ASSERT_FALSE(deadline.expired()) << "the agent's sessions do not end";
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void RestartWith(const datastore::Values& group) {
    datastore::ConfigurationSet set = server().SmallSet();
    set.group = group;
    ASSERT_OK(store().server()->Stop(ctx()));
    ASSERT_OK(server().Configure(1, set));
    ASSERT_OK(store().server()->Start(ctx()));
    root_ = RootSession();
  }
  void DumpAndLoad(const std::string& from, const std::string& to) {
    TextSink dump;
    ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts,
                         store().logical_backup()->Dump(ctx(), from, dump));
    facts.database.name = Database(to);
    TextSource source(dump.text);
    ASSERT_OK(store().logical_backup()->Load(ctx(), {facts.database}, source));
  }
  std::vector<ClientSession::Table> Compared(const std::string& database) {
    return Compared(*RootSession(database));
  }
  std::vector<ClientSession::Table> Compared(ClientSession& session) {
    std::vector<ClientSession::Table> tables;
    for (const std::string& sql : traits().compare) {
      auto answer = session.Query(sql);
      EXPECT_OK(answer) << sql;
      tables.push_back(answer.ok() ? *std::move(answer) : ClientSession::Table());
    }
    return tables;
  }

  std::unique_ptr<ClientSession> root_;

 private:
  std::vector<std::pair<std::string, std::string>> changed_;
};

std::string ContentOf(const os::Path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST_F(MysqlDriver, NoClearPasswordReachesALogOrAStatementTable) {
  const os::Path logs = server().settings().volume.current() / "log";
  SetGlobal("log_output", "'FILE'");
  // so little memory has no performance schema by itself
  if (!mariadb()) RestartWith({{"performance_schema", "ON"}});
  SetGlobal("general_log_file", "'" + (logs / "general.log").native() + "'");
  SetGlobal("slow_query_log_file", "'" + (logs / "slow.log").native() + "'");
  SetGlobal("long_query_time", "0");
  SetGlobal("slow_query_log", "1");
  SetGlobal("general_log", "1");
  MakeDatabase("logged");
  const UserId user = MakeUser("logged", kPassword);
  ASSERT_OK(grants().GrantTo(ctx(), user, GrantOf("logged", PrivilegeSet::kAll)));
  UserChange change;
  change.id = user;
  change.password = Secret(kNextPassword);
  ASSERT_OK(users().Update(ctx(), change));
  ASSERT_OK(store().root()->Enable(ctx(), Secret("root's own")));
  DumpAndLoad("logged", "logged again");

  const std::string general = ContentOf(logs / "general.log"), slow = ContentOf(logs / "slow.log");
  EXPECT_NE(general.find("GRANT"), std::string::npos) << "the general log was not on";
  EXPECT_NE(slow.find("GRANT"), std::string::npos) << "the slow log was not on";
  const std::vector<std::string> secrets = {kPassword, kNextPassword, "root's own", "root\\'s own",
                                            "root''s own"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(logs)) {
    for (const std::string& secret : secrets) {
      EXPECT_EQ(ContentOf(entry.path()).find(secret), std::string::npos)
          << secret << " in " << entry.path();
    }
  }
  if (!mariadb()) {
    EXPECT_EQ(One("SELECT COUNT(*) FROM performance_schema.setup_consumers WHERE name = "
                  "'events_statements_history' AND enabled = 'YES'"),
              "1");
    for (const std::string table : {"current", "history"}) {
      EXPECT_EQ(
          One("SELECT COUNT(*) FROM performance_schema.events_statements_" + table +
              " WHERE sql_text LIKE '%&3-clear%' AND sql_text NOT LIKE '%performance_schema%'"),
          "0");
    }
  }
  EXPECT_EQ(One("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%&3-clear%' "
                "AND id <> CONNECTION_ID()"),
            "0");
  if (!mariadb()) RestartWith({});
}

TEST_F(MysqlDriver, InitialiseLeavesTheseAccountsAndDatabasesOnly) {
  DisableRoot();
  // asked over the agent's own socket: no other account can ask
  Login login{agent(), Secret(), ""};
  login.socket = server().settings().runtime_directory / "mysql.sock";
  ASSERT_OK_AND_ASSIGN(const auto session, server().LogIn(login));
  const auto rows = session->Query(
      mariadb() ? "SELECT user, host, JSON_VALUE(priv, '$.plugin'), COALESCE(JSON_VALUE(priv, "
                  "'$.account_locked'), '0') FROM mysql.global_priv ORDER BY 1, 2"
                : "SELECT user, host, plugin, account_locked FROM mysql.user ORDER BY 1, 2");
  ASSERT_OK(rows);
  ClientSession::Table expected;
  if (mariadb()) {
    expected = {{agent(), "localhost", "unix_socket", "0"},
                {"mariadb.sys", "localhost", "mysql_native_password", "1"}};
    const std::string& backup_tool = server().settings().server_user;
    if (server().settings().separate()) {
      expected.insert(expected.begin() + 1, {backup_tool, "localhost", "unix_socket", "0"});
      const auto grants = session->Query("SHOW GRANTS FOR '" + backup_tool + "'@'localhost'");
      ASSERT_OK(grants);
      EXPECT_EQ(grants->size(), 1U);
      EXPECT_TRUE(grants->at(0).at(0).starts_with(
          "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO "))
          << grants->at(0).at(0);
    }
  } else {
    expected = {{agent(), "localhost", "auth_socket", "N"},
                {"mysql.infoschema", "localhost", "caching_sha2_password", "Y"},
                {"mysql.session", "localhost", "caching_sha2_password", "Y"},
                {"mysql.sys", "localhost", "caching_sha2_password", "Y"}};
  }
  EXPECT_EQ(*rows, expected);
  // what is not the agent's is locked and cannot pass on a right
  ASSERT_OK_AND_ASSIGN(
      const auto grantable,
      session->Query("SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE "
                     "is_grantable = 'YES'"));
  EXPECT_EQ(grantable, (ClientSession::Table{{"'" + agent() + "'@'localhost'"}}));
  ASSERT_OK_AND_ASSIGN(
      const auto databases,
      session->Query("SELECT schema_name FROM information_schema.schemata ORDER BY 1"));
  EXPECT_EQ(databases, (ClientSession::Table{
                           {"information_schema"}, {"mysql"}, {"performance_schema"}, {"sys"}}));
  for (const std::vector<std::string>& row : expected) {
    EXPECT_FALSE(LogIn(row[0], "").ok()) << row[0];
  }
  for (const std::string anonymous : {"", "nobody", "root", "mysql"})
    EXPECT_FALSE(LogIn(anonymous, "").ok());
}

TEST_F(MysqlDriver, AUserWhoMustUseTlsComesInByTlsOnly) {
  UserSpec spec{User("careful"), Secret(kPassword), {}};
  spec.attributes.require_tls = true;
  ASSERT_OK(users().Create(ctx(), spec));
  const auto log_in = [&](bool encrypt) {
    Login login{"careful", Secret(kPassword), ""};
    login.encrypt = encrypt;
    return server().LogIn(login);
  };
  EXPECT_FALSE(log_in(false).ok());
  // MySQL makes itself a certificate; MariaDB before 11.4 has none, and the user stays outside
  const bool offers = !mariadb() || One("SELECT @@have_ssl") == "YES";
  EXPECT_EQ(log_in(true).ok(), offers);
  UserChange change;
  change.id = spec.id;
  change.attributes.require_tls = false;
  ASSERT_OK(users().Update(ctx(), change));
  EXPECT_TRUE(log_in(true).ok());
}

TEST_F(MysqlDriver, StillAnswersWhenUsersHaveTakenEverySession) {
  MakeDatabase("crowded");
  const UserId user = MakeUser("crowd", kPassword);
  SetGlobal("max_connections", "12");
  std::vector<std::unique_ptr<ClientSession>> crowd;
  for (int i = 0; i < 50; ++i) {
    auto session = LogIn(user.name, kPassword);
    if (!session.ok()) break;
    crowd.push_back(*std::move(session));
  }
  ASSERT_LT(crowd.size(), 50U);
  MakeDatabase("one more");  // with the session that the server keeps free for administrators
  const datastore::Health health = store().CheckHealth();
  EXPECT_EQ(health.state, HealthState::kHealthy) << health.detail;
  ASSERT_OK(databases().Drop(ctx(), "one more"));
  // a tool needs a session of its own
  TextSink dump;
  const auto refused = store().logical_backup()->Dump(ctx(), "crowded", dump);
  EXPECT_NE(refused.status().FullMessage().find("Too many connections"), std::string::npos)
      << refused.status().FullMessage();
  ASSERT_OK(users().Drop(ctx(), user));  // ends its sessions
  EXPECT_OK(store().logical_backup()->Dump(ctx(), "crowded", dump));
}

TEST_F(MysqlDriver, AnExpiredPasswordLocksTheAgentOutOfNothing) {
  SetGlobal("default_password_lifetime", "1");
  const std::string where = " WHERE user = '" + agent() + "' AND host = 'localhost'";
  ASSERT_OK(root_->Query(
      (mariadb() ? "UPDATE mysql.global_priv SET priv = JSON_SET(priv, "
                   "'$.password_last_changed', 1)"
                 : std::string("UPDATE mysql.user SET password_last_changed = '2001-01-01'")) +
      where));
  ASSERT_OK(root_->Query("FLUSH PRIVILEGES"));
  EndAgentsSessions();
  MakeDatabase("later");
  EXPECT_EQ(store().CheckHealth().state, HealthState::kHealthy);
}

TEST_F(MysqlDriver, PasswordValidationTakesOrRefusesWithoutANameLeftBehind) {
  const std::string install = mariadb() ? "INSTALL SONAME 'simple_password_check'"
                                        : "INSTALL COMPONENT 'file://component_validate_password'";
  const std::string remove = mariadb() ? "UNINSTALL SONAME 'simple_password_check'"
                                       : "UNINSTALL COMPONENT 'file://component_validate_password'";
  ASSERT_OK(root_->Query(install));
  EndAgentsSessions();
  // hashes reach the server: strict MariaDB refuses them, MySQL does not see what they are of
  const Status made = users().Create(ctx(), {User("checked"), Secret("weak"), {}}).status();
  EXPECT_EQ(ReasonOf(made), mariadb() ? "PASSWORD_REFUSED" : "OK") << made.FullMessage();
  EXPECT_EQ(users().Get(ctx(), {"checked", "%"}).ok(), made.ok());
  ASSERT_OK(root_->Query(remove));
}

class MysqlDriverSettings : public MysqlDriver, public testing::WithParamInterface<Setting> {};

TEST_P(MysqlDriverSettings, ThatRootChangedDoNotChangeWhatTheAgentDoes) {
  const Setting& setting = GetParam();
  if (!Knows(setting.name)) return;  // the other product's
  MakeDatabase("before_%");
  // one session: MariaDB's information_schema was seen not to show a routine to another one at once
  const auto session = RootSession("before_%");
  for (const std::string& sql : traits().hard_data) ASSERT_OK(session->Query(sql)) << sql;
  const auto wanted = Compared(*session);
  SetGlobal(setting.name, setting.value);

  for (const std::string name : {"ab", "a b", "a\"b", "a\\b", "it's"}) MakeDatabase(name);
  const UserId user = MakeUser("us\\'er\"", kPassword);
  ASSERT_OK(grants().GrantTo(ctx(), user, GrantOf("before_%", PrivilegeSet::kReadOnly)));
  ASSERT_OK(grants().GrantTo(ctx(), user, GrantOf("a\\b", PrivilegeSet::kAll)));
  MakeUser("other", kPassword);
  EXPECT_EQ(DatabaseNames(),
            (std::vector<std::string>{"a b", "a\"b", "a\\b", "ab", "before_%", "it's"}));
  EXPECT_EQ(UserNames(), (std::vector<std::string>{"other", user.name}));
  ASSERT_OK_AND_ASSIGN(const auto page, databases().List(ctx(), {2, "a b"}, true));
  EXPECT_EQ(page.items.size(), 2U);
  EXPECT_TRUE(page.more);
  ASSERT_OK_AND_ASSIGN(const auto held, grants().List(ctx(), user));
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held[0].set, PrivilegeSet::kAll);
  EXPECT_EQ(held[1].set, PrivilegeSet::kReadOnly);
  EXPECT_TRUE(LogIn(user.name, kPassword, "before_%").ok());
  if (setting.dump == "OK") {
    DumpAndLoad("before_%", "after");
  } else {
    TextSink dump;
    EXPECT_EQ(ReasonOf(store().logical_backup()->Dump(ctx(), "before_%", dump)), setting.dump);
  }
  ASSERT_OK(users().Drop(ctx(), user));
  ASSERT_OK(databases().Drop(ctx(), "ab"));
  ResetGlobals();
  if (setting.dump == "OK") {
    EXPECT_EQ(Compared("after"), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, MysqlDriverSettings,
    testing::Values(Setting{"sql_mode", "'ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE'"},
                    Setting{"sql_mode", "'NO_BACKSLASH_ESCAPES'"},
                    Setting{"sql_mode", "'PAD_CHAR_TO_FULL_LENGTH'"}, Setting{"autocommit", "0"},
                    Setting{"completion_type", "2"}, Setting{"init_connect", "'SET @x = nonsense'"},
                    Setting{"read_only", "1"}, Setting{"default_storage_engine", "'MyISAM'"},
                    Setting{"character_set_server", "'latin1'"},
                    Setting{"character_set_server", "'utf16'"},
                    Setting{"default_password_lifetime", "1"},
                    Setting{"sql_select_limit", "1", "SETTING_UNSUITABLE"},
                    Setting{"sql_safe_updates", "1"}, Setting{"max_sort_length", "4"},
                    Setting{"max_join_size", "1", "TOOL_FAILED"},
                    Setting{"transaction_read_only", "1"}, Setting{"tx_read_only", "1"},
                    Setting{"max_statement_time", "0.0001"}, Setting{"max_execution_time", "1"},
                    Setting{"partial_revokes", "1"}, Setting{"sql_require_primary_key", "1"},
                    Setting{"sql_quote_show_create", "0"}, Setting{"lc_messages", "'de_DE'"},
                    Setting{"wait_timeout", "1"}),
    [](const auto& each) { return each.param.name + std::to_string(each.index); });

TEST_F(MysqlDriver, AMysqlLoadHasNoSuperuserToRunAs) {
  MakeDatabase("plain");
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts,
                       store().logical_backup()->Dump(ctx(), "plain", dump));
  facts.database.name = Database("not made");
  TextSource source(dump.text);
  EXPECT_EQ(ReasonOf(store().logical_backup()->Load(ctx(), {facts.database, true}, source)),
            "FIELD_UNSUPPORTED");
  EXPECT_EQ(ReasonOf(databases().Get(ctx(), "not made")), "DATABASE_NOT_FOUND");
}

// The client library loads MySQL's login method at the first connection.
TEST_F(MysqlDriver, TheFirstConnectionsOfAProcessMayComeTogether) {
  const std::string socket = (server().settings().runtime_directory / "mysql.sock").native();
  for (int i = 0; i < 10; ++i)
    EXPECT_OK(RunProgram({DBAGENT_BINARY_DIR "/tests/first_connections", socket, agent()}));
}

}  // namespace
}  // namespace dbagent::tests
