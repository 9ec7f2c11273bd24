#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <thread>

#include "datastores/configuration_sets.h"
#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

using datastore::ConfigurationSet;
using datastore::Description;
using datastore::LiveChange;
using datastore::Parameter;
using datastore::ParameterAccess;
using datastore::ParameterOrigin;
using datastore::ParameterType;
using datastore::Values;
using datastore::Violation;
using std::chrono::seconds;

constexpr std::uint64_t kTrial = 77;

class MysqlSettings : public ContractTest {
 protected:
  datastore::SettingsAdmin& settings() const { return *store().settings(); }
  datastore::ConfigurationLayers& layers() const { return *store().layers(); }

  Description Describe() const {
    auto description = settings().Describe(ctx());
    EXPECT_OK(description);
    return description.ok() ? *std::move(description) : Description();
  }
  static const Parameter& Find(const Description& description, const std::string& name) {
    const auto found = std::find_if(description.parameters.begin(), description.parameters.end(),
                                    [&](const Parameter& p) { return p.name == name; });
    if (found == description.parameters.end()) throw std::runtime_error("no parameter " + name);
    return *found;
  }
  bool mariadb() const { return traits().name == "mariadb"; }

  // `parameter:reason` of each violation.
  std::vector<std::string> Check(const Values& group) const {
    ConfigurationSet set = server().SmallSet();
    set.group = group;
    const auto violations = settings().Check(ctx(), Describe(), set);
    EXPECT_OK(violations);
    std::vector<std::string> found;
    if (!violations.ok()) return found;
    for (const Violation& violation : *violations)
      found.push_back(violation.parameter + ":" + violation.reason);
    return found;
  }
  Status Try(const Values& group) const {
    ConfigurationSet set = server().SmallSet();
    set.group = group;
    ASSIGN_OR_RETURN(const datastore::RenderedSet rendered, layers().Render(set, kTrial));
    RETURN_IF_ERROR(datastore::WriteSet(server().settings().volume, kTrial, rendered));
    return layers().TryStart(ctx(), kTrial);
  }
  std::vector<std::vector<std::string>> GlobalVariables() {
    const auto rows = RootSession()->Query("SHOW GLOBAL VARIABLES");
    EXPECT_OK(rows);
    if (!rows.ok()) return {};
    std::vector<std::vector<std::string>> kept;
    for (const auto& row : *rows) {
      // which count by themselves
      const bool moves = row[0].find("gtid") != std::string::npos || row[0] == "statement_id";
      if (!moves) kept.emplace_back(row.begin(), row.end());
    }
    return kept;
  }
};

TEST_F(MysqlSettings, TheServerDescribesItsParameters) {
  const Description description = Describe();
  EXPECT_GT(description.parameters.size(), 500U);
  EXPECT_LT(description.server_started, std::chrono::system_clock::now());
  EXPECT_EQ(Describe().server_started, description.server_started);
  std::map<ParameterAccess, int> count;
  for (const Parameter& parameter : description.parameters) {
    ++count[parameter.access];
    EXPECT_EQ(settings().CanonicalName(parameter.name), parameter.name);
    EXPECT_EQ(parameter.access == ParameterAccess::kUser, parameter.access_reason.empty());
  }
  EXPECT_GT(count[ParameterAccess::kUser], 200);
  EXPECT_GT(count[ParameterAccess::kSystem], 30);
  EXPECT_GT(count[ParameterAccess::kForbidden], 20);
  EXPECT_GT(count[ParameterAccess::kReadOnly], 30);

  const Parameter& connections = Find(description, "max_connections");
  EXPECT_EQ(connections.type, ParameterType::kInteger);
  EXPECT_FALSE(connections.restart_required);
  EXPECT_EQ(connections.default_value, "151");
  const Parameter& keys = Find(description, "key_buffer_size");  // no test sets it
  EXPECT_EQ(keys.origin, ParameterOrigin::kFile);
  EXPECT_TRUE(keys.origin_detail.ends_with("10-template.cnf")) << keys.origin_detail;
  EXPECT_EQ(Find(description, "innodb_buffer_pool_size").unit, "B");
  EXPECT_EQ(Find(description, "wait_timeout").unit, "s");
  EXPECT_TRUE(Find(description, "thread_stack").restart_required);
  EXPECT_EQ(Find(description, "slow_query_log").type, ParameterType::kBoolean);
  EXPECT_EQ(Find(description, "character_set_server").value, "utf8mb4");
  EXPECT_EQ(Find(description, "character_set_server").access, ParameterAccess::kUser);
  EXPECT_EQ(Find(description, "time_zone").access, ParameterAccess::kUser);
  const Parameter& isolation = Find(description, settings().CanonicalName("transaction_isolation"));
  EXPECT_EQ(isolation.choices.size(), 4U);
  EXPECT_EQ(isolation.value, "REPEATABLE-READ");
}

TEST_F(MysqlSettings, NoParameterThatNamesAFileIsTheUsers) {
  const Description description = Describe();
  for (const Parameter& parameter : description.parameters) {
    if (parameter.access != ParameterAccess::kUser) continue;
    if (parameter.type != ParameterType::kString) continue;
    EXPECT_FALSE(parameter.name.starts_with("version")) << "it only tells something";
    EXPECT_EQ(parameter.value.find("./"), std::string::npos) << parameter.name;
    for (const char* part : {"file", "path", "home", "plugin", "_cmd", "tmpdir", "directory",
                             "provider", "ssl", "basename"}) {
      // InnoDB's file system character set names no file
      if (parameter.name == "character_set_filesystem") continue;
      EXPECT_EQ(parameter.name.find(part), std::string::npos) << parameter.name;
    }
  }
  const auto system = layers().System(server().SmallSet());
  ASSERT_OK(system);
  for (const Parameter& parameter : description.parameters) {
    if (system->contains(parameter.name)) {
      EXPECT_EQ(parameter.access, ParameterAccess::kSystem) << parameter.name;
    }
  }
}

TEST_F(MysqlSettings, DescribingAndCheckingSetNothing) {
  const auto before = GlobalVariables();
  const Description description = Describe();
  ASSERT_GT(before.size(), 500U);
  Values group;
  for (const Parameter& parameter : description.parameters) {
    if (parameter.access == ParameterAccess::kUser && !parameter.restart_required)
      group[parameter.name] = parameter.default_value.value_or(parameter.value);
  }
  ASSERT_GT(group.size(), 150U);
  group["slow_query_log"] = "ON";
  group["innodb_max_dirty_pages_pct"] = "50";
  Check(group);
  EXPECT_EQ(GlobalVariables(), before);
}

TEST_F(MysqlSettings, WhatIsWrongWithAGroupIsToldAtOnce) {
  EXPECT_EQ(Check({{"max_connections", "50"}, {"sql_mode", "ANSI"}, {"event_scheduler", "ON"}}),
            std::vector<std::string>());
  EXPECT_EQ(
      Check({{"character_set_server", "nope"},
             {"default_storage_engine", "nope"},
             {"event_scheduler", "nope"},
             {"innodb_buffer_pool_size", "1073741824"},
             {"max_connections", "9"},
             {"nonsense", "1"},
             {"skip_grant_tables", "ON"},
             {"sql_mode", "NOPE"},
             {"time_zone", "Nowhere/Land"}}),
      (std::vector<std::string>{
          "max_connections:VALUE_FORBIDDEN", "nonsense:PARAMETER_UNKNOWN",
          "skip_grant_tables:PARAMETER_FORBIDDEN", "innodb_buffer_pool_size:MEMORY_EXCEEDED",
          "character_set_server:VALUE_INVALID", "default_storage_engine:VALUE_INVALID",
          "event_scheduler:VALUE_INVALID", "sql_mode:VALUE_INVALID", "time_zone:VALUE_INVALID"}));
}

TEST_F(MysqlSettings, SetsLiveReadsBackAndGoesToTheDefault) {
  const auto set = settings().SetLive(ctx(), {{"max_connections", "60"},
                                              {"slow_query_log", "ON"},
                                              {"init_connect", "SET @a = 'it''s \\ \"#'"},
                                              {"long_query_time", "2.5"},
                                              {"sql_mode", "ANSI_QUOTES"}});
  ASSERT_OK(set);
  EXPECT_EQ(set->at("max_connections"), "60");
  EXPECT_EQ(set->at("slow_query_log"), "ON");
  EXPECT_EQ(set->at("init_connect"), "SET @a = 'it''s \\ \"#'");
  EXPECT_EQ(set->at("long_query_time"), "2.5");
  const Parameter connections = Find(Describe(), "max_connections");
  EXPECT_EQ(connections.value, "60");
  EXPECT_EQ(connections.origin, ParameterOrigin::kRuntime);
  const auto back = settings().SetLive(ctx(), {{"max_connections", std::nullopt},
                                               {"slow_query_log", std::nullopt},
                                               {"init_connect", std::nullopt},
                                               {"long_query_time", std::nullopt},
                                               {"sql_mode", std::nullopt}});
  ASSERT_OK(back);
  const Description description = Describe();
  for (const auto& [name, value] : *back)
    EXPECT_EQ(value, Find(description, name).default_value.value_or("")) << name;
}

TEST_F(MysqlSettings, TheAgentsSessionsKeepWhatTheyNeed) {
  const std::vector<LiveChange> hard = {{"wait_timeout", "1"},
                                        {"net_read_timeout", "1"},
                                        {"lc_messages", "de_DE"},
                                        {"lock_wait_timeout", "1"},
                                        {"group_concat_max_len", "4"}};
  ASSERT_OK(settings().SetLive(ctx(), hard));
  ASSERT_OK(store().server()->Stop(ctx()));  // forgets its sessions, and the server what was set
  ASSERT_OK(store().server()->Start(ctx()));
  ASSERT_OK(settings().SetLive(ctx(), hard));
  MakeDatabase("patient");
  std::this_thread::sleep_for(seconds(2));
  EXPECT_OK(databases().Get(ctx(), "patient"));
  std::vector<LiveChange> back;
  for (const LiveChange& change : hard) back.push_back({change.name, std::nullopt});
  EXPECT_OK(settings().SetLive(ctx(), back));
}

TEST_F(MysqlSettings, ARefusedSettingSetsNoneOfThem) {
  const std::string before = Find(Describe(), "max_connections").value;
  const auto refused = settings().SetLive(ctx(), {{"max_connections", "61"}, {"sql_mode", "NOPE"}});
  EXPECT_EQ(ReasonOf(refused), "SETTING_REFUSED");
  EXPECT_NE(refused.status().FullMessage().find("NOPE"), std::string::npos);
  EXPECT_EQ(ReasonOf(settings().SetLive(ctx(), {{"port", "1"}})), "SETTING_REFUSED");
  EXPECT_EQ(ReasonOf(settings().SetLive(ctx(), {{"nonsense", "1"}})), "SETTING_REFUSED");
  EXPECT_EQ(Find(Describe(), "max_connections").value, before);
}

TEST_F(MysqlSettings, TheBufferPoolIsResizedBeforeTheAnswer) {
  const std::string before = Find(Describe(), "innodb_buffer_pool_size").value;
  for (const std::string& size : {std::string("134217728"), before}) {
    const auto set = settings().SetLive(ctx(), {{"innodb_buffer_pool_size", size}});
    ASSERT_OK(set);
    EXPECT_GE(std::stoull(set->at("innodb_buffer_pool_size")), std::stoull(size));
  }
}

TEST_F(MysqlSettings, APersistedValueIsToldAndTakenAway) {
  if (mariadb()) GTEST_SKIP() << "MariaDB persists nothing";
  EXPECT_OK(RootSession()->Query("SET PERSIST max_connect_errors = 99"));
  EXPECT_EQ(Find(Describe(), "max_connect_errors").origin, ParameterOrigin::kPersisted);
  ASSERT_OK(settings().SetLive(ctx(), {{"max_connect_errors", std::nullopt, true}}));
  EXPECT_NE(Find(Describe(), "max_connect_errors").origin, ParameterOrigin::kPersisted);
}

TEST_F(MysqlSettings, TheProgramRejectsASetThatItWouldNotStartWith) {
  ASSERT_OK(Try({{"max_connections", "50"}, {"init_connect", "SET @a = '\"# \\'"}}));
  for (const auto& [name, value] : Values{{"nonsense", "1"},
                                          {"character_set_server", "nope"},
                                          {"sql_mode", "NOPE"},
                                          {"innodb_flush_method", "nope"},
                                          {"max_connections", "abc"}}) {
    const Status rejected = Try({{name, value}});
    EXPECT_EQ(ReasonOf(rejected), "CONFIGURATION_REJECTED") << name;
    EXPECT_NE(rejected.FullMessage().find(value), std::string::npos) << rejected.FullMessage();
  }
  ASSERT_OK(Try({}));
  const os::Path set = datastore::SetDirectory(server().settings().volume, kTrial);
  ASSERT_OK(os::RemoveFile(set / "20-group.cnf"));
  EXPECT_EQ(ReasonOf(layers().TryStart(ctx(), kTrial)), "CONFIGURATION_REJECTED");
  EXPECT_OK(datastore::RemoveSet(server().settings().volume, kTrial));
  EXPECT_EQ(store().CheckHealth().state, HealthState::kHealthy);
}

TEST_F(MysqlSettings, TheServerStartsWithAHardValueAndSaysIt) {
  RealServer fresh;
  ASSERT_OK(fresh.Prepare());
  ConfigurationSet set = fresh.SmallSet();
  const std::string hard = "SET @a = 'it''s \\\\ \"#'; -- x";
  set.group = {{"init_connect", hard}, {"time_zone", "+02:00"}};
  ASSERT_OK(fresh.store().server()->Stop(ctx()));
  ASSERT_OK(fresh.Configure(2, set));
  ASSERT_OK(fresh.store().server()->Start(ctx()));
  const auto description = fresh.store().settings()->Describe(ctx());
  ASSERT_OK(description);
  EXPECT_EQ(Find(*description, "init_connect").value, hard);
  EXPECT_EQ(Find(*description, "time_zone").value, "+02:00");
}

TEST_F(MysqlSettings, TheServerStartsOnTheTemplateOfEveryFlavor) {
  RealServer fresh;
  ASSERT_OK(fresh.Prepare());
  std::uint64_t number = 2;
  for (const std::uint64_t mib : {256, 384, 1024, 4096}) {
    ConfigurationSet set = fresh.SmallSet();
    set.flavor = {mib << 20U, 2};
    set.template_values = fresh.store().layers()->Template(set.flavor);
    ASSERT_OK(fresh.store().server()->Stop(ctx()));
    ASSERT_OK(fresh.Configure(number++, set));
    ASSERT_OK(fresh.store().server()->Start(ctx()));
    const auto description = fresh.store().settings()->Describe(ctx());
    ASSERT_OK(description);
    const auto violations = fresh.store().settings()->Check(ctx(), *description, set);
    ASSERT_OK(violations);
    EXPECT_TRUE(violations->empty());
    for (const auto& [name, value] : set.template_values)
      EXPECT_EQ(Find(*description, name).value, value) << name << " of " << mib;
    const std::string pid = std::to_string(fresh.host().ServerState().pid);
    ASSERT_OK_AND_ASSIGN(const std::string status, os::ReadFile("/proc/" + pid + "/status"));
    const std::size_t at = status.find("VmRSS:");
    ASSERT_NE(at, std::string::npos);
    const std::uint64_t resident = std::stoull(status.substr(at + 6)) / 1024;
    RecordProperty("resident_mib_" + std::to_string(mib), static_cast<int>(resident));
    std::printf("%" PRIu64 " MiB: %" PRIu64 " MiB resident\n", mib, resident);
    EXPECT_LT(resident, mib);
  }
}

TEST_F(MysqlSettings, AServerThatDoesNotStartSaysItsErrors) {
  RealServer fresh;
  ASSERT_OK(fresh.Prepare());
  ASSERT_OK(fresh.store().server()->Stop(ctx()));
  ConfigurationSet set = fresh.SmallSet();
  set.group = {{"nonsense", "1"}};
  ASSERT_OK(fresh.Configure(2, set));
  const Status failed = fresh.store().server()->Start(OpContext().WithBudget(seconds(30)));
  EXPECT_EQ(ReasonOf(failed), "SERVER_START_FAILED");
  EXPECT_NE(failed.FullMessage().find("[ERROR]"), std::string::npos) << failed.FullMessage();
  EXPECT_NE(failed.FullMessage().find("nonsense"), std::string::npos) << failed.FullMessage();
}

}  // namespace
}  // namespace dbagent::tests
