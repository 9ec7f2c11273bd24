// What only PostgreSQL's driver promises of parameters (datastores/postgresql/README.md).
#include <algorithm>

#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

using datastore::ConfigurationSet;
using datastore::Description;
using datastore::Parameter;
using datastore::ParameterAccess;
using datastore::ParameterOrigin;
using datastore::ParameterType;
using datastore::Values;

class PostgresqlSettings : public ContractTest {
 protected:
  void TearDown() override {
    if (altered_) {
      EXPECT_OK(RootSession()->Query("ALTER SYSTEM RESET ALL"));
    }
    EXPECT_OK(server().Configure(1, server().SmallSet()));
    EXPECT_OK(Restart());
    ContractTest::TearDown();
  }
  datastore::SettingsAdmin& settings() const { return *store().settings(); }
  Parameter Now(const std::string& name) const {
    const auto description = settings().Describe(ctx());
    EXPECT_OK(description);
    if (description.ok()) {
      for (const Parameter& parameter : description->parameters)
        if (parameter.name == name) return parameter;
    }
    ADD_FAILURE() << "no parameter " << name;
    return {};
  }
  ConfigurationSet With(const Values& group) const {
    ConfigurationSet set = server().SmallSet();
    set.group = group;
    return set;
  }
  std::string CheckedReason(const std::string& name, const std::string& value) const {
    const auto description = settings().Describe(ctx());
    EXPECT_OK(description);
    const auto found = settings().Check(ctx(), *description, With({{name, value}}));
    EXPECT_OK(found);
    return found.ok() && !found->empty() ? found->front().reason : "";
  }
  Status Restart() const {
    RETURN_IF_ERROR(store().server()->Stop(ctx()));
    return store().server()->Start(ctx());
  }
  void AlterSystem(const std::string& what) {
    altered_ = true;
    ASSERT_OK(RootSession()->Query("ALTER SYSTEM SET " + what));
  }

 private:
  bool altered_ = false;
};

TEST_F(PostgresqlSettings, NoUserMaySetAProgramALibraryOrAPath) {
  ASSERT_OK_AND_ASSIGN(const Description description, settings().Describe(ctx()));
  const auto looks_like = [](const std::string& name, const std::string& word) {
    return name.find(word) != std::string::npos;
  };
  for (const Parameter& parameter : description.parameters) {
    if (parameter.access != ParameterAccess::kUser || parameter.type != ParameterType::kString)
      continue;
    for (const std::string word : {"command", "librar", "file", "director", "_dir", "provider"}) {
      EXPECT_FALSE(looks_like(parameter.name, word) && parameter.name != "shared_preload_libraries")
          << parameter.name;
    }
  }
}

TEST_F(PostgresqlSettings, TheStringsThatAUserMaySetAreThese) {
  ASSERT_OK_AND_ASSIGN(const Description description, settings().Describe(ctx()));
  // looked at one by one; a later version's new ones must be looked at too
  const std::vector<std::string> known = {"application_name",
                                          "backtrace_functions",
                                          "createrole_self_grant",
                                          "datestyle",
                                          "default_table_access_method",
                                          "default_tablespace",
                                          "default_text_search_config",
                                          "lc_monetary",
                                          "lc_numeric",
                                          "lc_time",
                                          "search_path",
                                          "shared_preload_libraries",
                                          "temp_tablespaces",
                                          "timezone",
                                          "timezone_abbreviations",
                                          "wal_consistency_checking",
                                          "log_connections"};
  for (const Parameter& parameter : description.parameters) {
    if (parameter.access != ParameterAccess::kUser || parameter.type != ParameterType::kString)
      continue;
    EXPECT_NE(std::find(known.begin(), known.end(), parameter.name), known.end()) << parameter.name;
  }
}

TEST_F(PostgresqlSettings, PreloadsOnlyHarmlessLibrariesThatAreInstalled) {
  const std::string name = "shared_preload_libraries";
  for (const std::string good :
       {"", "pg_stat_statements", "pg_stat_statements,auto_explain , pg_prewarm"})
    EXPECT_EQ(CheckedReason(name, good), "") << good;
  for (const std::string bad :
       {"$libdir/pg_stat_statements", "/tmp/pg_stat_statements", "pg_stat_statements,dblink",
        "pg_stat_statements,", "\"pg_stat_statements\"", "PG_STAT_STATEMENTS", "../x",
        "pg_stat_statements.so", "plugins/auto_explain", "basebackup_to_shell"})
    EXPECT_EQ(CheckedReason(name, bad), "VALUE_FORBIDDEN") << bad;
  EXPECT_EQ(CheckedReason(name, "pgaudit"), "VALUE_INVALID");  // of a package that is not here
}

TEST_F(PostgresqlSettings, ParametersOfALibraryAreKnownOnceItIsLoaded) {
  ASSERT_OK_AND_ASSIGN(const Description before, settings().Describe(ctx()));
  for (const Parameter& parameter : before.parameters)
    EXPECT_EQ(parameter.name.find('.'), std::string::npos) << parameter.name;
  ASSERT_OK(server().Configure(50, With({{"shared_preload_libraries", "pg_stat_statements"}})));
  ASSERT_OK(Restart());
  const Parameter parameter = Now("pg_stat_statements.track");
  EXPECT_EQ(parameter.access, ParameterAccess::kUser);
  ASSERT_OK(server().Configure(51, With({{"shared_preload_libraries", "pg_stat_statements"},
                                         {"pg_stat_statements.track", "all"}})));
  ASSERT_OK_AND_ASSIGN(const Values values,
                       settings().SetLive(ctx(), {{"pg_stat_statements.track", "all", false}}));
  EXPECT_EQ(values.at("pg_stat_statements.track"), "all");
  // a placeholder in the files of a server that has not loaded it does no harm
  ASSERT_OK(server().Configure(52, With({{"pg_stat_statements.track", "all"}})));
  EXPECT_OK(Restart());
}

TEST_F(PostgresqlSettings, AlterSystemIsSeenAndTakenAway) {
  AlterSystem("work_mem = '7MB'");
  ASSERT_OK(settings().SetLive(ctx(), {}));  // reads the files
  const Parameter persisted = Now("work_mem");
  EXPECT_EQ(persisted.value, "7168");
  EXPECT_EQ(persisted.origin, ParameterOrigin::kPersisted);
  ASSERT_OK(server().Configure(53, With({{"work_mem", "2048"}})));
  const auto refused = settings().SetLive(ctx(), {{"work_mem", "2048", false}});
  EXPECT_EQ(ReasonOf(refused), "SETTING_REFUSED");
  EXPECT_NE(refused.status().FullMessage().find("postgresql.auto.conf"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const Values values,
                       settings().SetLive(ctx(), {{"work_mem", "2048", true}}));
  EXPECT_EQ(values.at("work_mem"), "2048");
}

TEST_F(PostgresqlSettings, AlterSystemOverridesNothingOfTheAgentsEvenAfterARestart) {
  const std::string own_port = std::to_string(server().settings().port);
  for (const std::string what :
       {"port = 1", "unix_socket_directories = '/tmp'", "restore_command = 'touch /tmp/x'",
        "wal_level = minimal", "max_wal_senders = 0", "superuser_reserved_connections = 0",
        "password_encryption = md5", "logging_collector = on", "archive_mode = on",
        "log_destination = syslog"})
    AlterSystem(what);
  ASSERT_OK(Restart());
  ASSERT_OK_AND_ASSIGN(const Values system, store().layers()->System(server().SmallSet()));
  for (const auto& [name, value] : system) EXPECT_EQ(Now(name).value, value) << name;
  EXPECT_EQ(Now("port").origin, ParameterOrigin::kCommandLine);
}

TEST_F(PostgresqlSettings, AValueThatTheServerWritesInOtherWordsIsTaken) {
  ASSERT_OK(server().Configure(54, With({{"wal_compression", "on"}, {"datestyle", "iso, dmy"}})));
  ASSERT_OK_AND_ASSIGN(const Values values,
                       settings().SetLive(ctx(), {{"wal_compression", "on", false},
                                                  {"datestyle", "iso, dmy", false}}));
  EXPECT_EQ(values.at("wal_compression"), "pglz");
  EXPECT_EQ(Now("datestyle").origin, ParameterOrigin::kFile);
}

TEST_F(PostgresqlSettings, ABadFileIsRefusedBeforeItIsRead) {
  const std::string before = Now("work_mem").value;
  ASSERT_OK(server().Configure(55, With({{"work_mem", "2048"}, {"checkpoint_timeout", "1"}})));
  const auto refused =
      settings().SetLive(ctx(), {{"work_mem", "2048", false}, {"checkpoint_timeout", "1", false}});
  EXPECT_EQ(ReasonOf(refused), "SETTING_REFUSED");
  EXPECT_NE(refused.status().FullMessage().find("20-group.conf"), std::string::npos)
      << refused.status().FullMessage();
  EXPECT_EQ(Now("work_mem").value, before);
}

TEST_F(PostgresqlSettings, TheAgentWorksWhateverAGroupSetsForSessions) {
  const Values hard = {{"statement_timeout", "1"},
                       {"lock_timeout", "1"},
                       {"idle_session_timeout", "1"},
                       {"idle_in_transaction_session_timeout", "1"},
                       {"default_transaction_read_only", "on"},
                       {"default_transaction_isolation", "serializable"},
                       {"default_transaction_deferrable", "on"},
                       {"search_path", "nowhere"},
                       {"datestyle", "German, DMY"},
                       {"intervalstyle", "iso_8601"},
                       {"timezone", "Asia/Kolkata"},
                       {"bytea_output", "escape"},
                       {"array_nulls", "off"},
                       {"standard_conforming_strings", "off"},
                       {"quote_all_identifiers", "on"},
                       {"transform_null_equals", "on"},
                       {"row_security", "off"},
                       {"check_function_bodies", "off"},
                       {"client_min_messages", "error"},
                       {"track_activities", "off"}};
  ASSERT_OK(server().Configure(56, With(hard)));
  ASSERT_OK(Restart());
  EXPECT_EQ(Now("statement_timeout").value, "1");
  EXPECT_EQ(Now("search_path").value, "nowhere");
  MakeDatabase("hard");
  const UserId user = MakeUser("hard_user");
  EXPECT_OK(grants().GrantTo(ctx(), user, GrantOf("hard", PrivilegeSet::kReadWrite)));
  ASSERT_OK_AND_ASSIGN(const auto listed, grants().List(ctx(), user));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].set, PrivilegeSet::kReadWrite);
}

TEST_F(PostgresqlSettings, ReadsTimesRealsAndOldNames) {
  const auto value = [&](const std::string& name, const std::string& written) {
    const auto canonical = settings().CanonicalValue(Now(name), written);
    return canonical.ok() ? *canonical : canonical.status().reason();
  };
  EXPECT_EQ(value("checkpoint_timeout", "10min"), "600");
  EXPECT_EQ(value("checkpoint_timeout", "1s"), "VALUE_OUT_OF_RANGE");
  EXPECT_EQ(value("vacuum_cost_delay", "500us"), "0.5");
  EXPECT_EQ(value("vacuum_cost_delay", "2 ms"), "2");
  EXPECT_EQ(value("random_page_cost", "1.50"), "1.5");
  EXPECT_EQ(value("random_page_cost", "1e2"), "100");
  EXPECT_EQ(value("random_page_cost", "nan"), "VALUE_INVALID");
  EXPECT_EQ(value("max_connections", "1k"), "VALUE_INVALID");
  EXPECT_EQ(value("synchronous_commit", "True"), "on");
  EXPECT_EQ(settings().CanonicalName("Sort_Mem"), "work_mem");
  EXPECT_EQ(settings().CanonicalName("DateStyle"), "datestyle");
}

}  // namespace
}  // namespace dbagent::tests
