// Configuration through the real agent: whatever is asked for, the server runs, on what the answer
// says.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "agent/base/unique_fd.h"
#include "dbagent/v1/configuration.grpc.pb.h"
#include "tests/e2e/agent_process.h"
#include "tests/e2e/configuration_cases.h"

namespace dbagent::tests {
namespace {

using google::protobuf::Empty;
using v1::ConfigurationService;
using Group = std::map<std::string, std::string>;
using Want = ConfigurationCase::Want;

class Configurations : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    v1::PrepareInstanceRequest request;
    request.add_allowed_networks("127.0.0.0/8");
    request.set_memory_bytes(1ULL << 30U);
    request.set_cores(2);
    agent_.Prepare(request);
  }

  v1::Configuration Get() {
    v1::Configuration now;
    const Outcome outcome =
        Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Get, Empty(), now);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return now;
  }

  std::map<std::string, v1::Parameter> Describe() {
    std::map<std::string, v1::Parameter> all;
    v1::DescribeParametersRequest request;
    request.mutable_page()->set_page_size(250);
    for (;;) {
      v1::DescribeParametersResponse page;
      const Outcome outcome = Call<ConfigurationService>(
          agent_, &ConfigurationService::Stub::DescribeParameters, request, page);
      EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
      for (const v1::Parameter& parameter : page.parameters()) all[parameter.name()] = parameter;
      request.mutable_page()->set_page_token(page.page().next_page_token());
      if (page.page().next_page_token().empty()) return all;
    }
  }

  static v1::ApplyConfigurationRequest Request(const Group& group, bool restart = false) {
    v1::ApplyConfigurationRequest request;
    request.mutable_values()->insert(group.begin(), group.end());
    request.mutable_options()->set_restart(restart);
    request.mutable_options()->set_restart_timeout_seconds(60);
    return request;
  }

  Outcome Send(const v1::ApplyConfigurationRequest& request,
               v1::ApplyConfigurationResponse& response) {
    return Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Apply, request,
                                      response);
  }
  // The operation as it ended; an empty one when there was nothing to do.
  v1::Operation Apply(const v1::ApplyConfigurationRequest& request) {
    v1::ApplyConfigurationResponse response;
    const Outcome outcome = Send(request, response);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return response.has_operation() ? agent_.Finish(response.operation()) : v1::Operation();
  }
  void Succeed(const v1::ApplyConfigurationRequest& request) {
    const v1::Operation operation = Apply(request);
    ASSERT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << agent_.log();
  }
  template <typename Request>
  v1::Operation RunInstance(grpc::Status (v1::InstanceService::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&,
                                                                              v1::Operation*)) {
    v1::Operation operation;
    const Outcome outcome = Call<v1::InstanceService>(agent_, method, Request(), operation);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return agent_.Finish(operation);
  }

  // Every parameter of the server has the value that the layers of the revision in force say, but
  // for what is said to wait.
  void ExpectTruth() {
    ASSERT_TRUE(agent_.BecomesHealthy()) << agent_.log();
    const v1::Configuration now = Get();
    EXPECT_TRUE(now.drift().empty()) << now.DebugString();
    Group layers(now.template_values().begin(), now.template_values().end());
    for (const auto& [name, value] : now.revision().values()) layers[name] = value;
    for (const auto& [name, value] : now.system_values()) layers[name] = value;
    std::map<std::string, std::string> rounded;
    for (const v1::ParameterChange& change : now.revision().changes())
      if (change.has_value_in_force()) rounded[change.name()] = change.value_in_force();
    int waiting = 0;
    for (const auto& [name, parameter] : Describe()) {
      EXPECT_NE(parameter.source(), v1::OUTSIDE) << parameter.DebugString();
      waiting += parameter.pending_restart() ? 1 : 0;
      const auto layer = layers.find(name);
      if (layer == layers.end() || parameter.pending_restart()) continue;
      // the agent's sizes and the system's are adjusted by the server: MariaDB never caches more
      // threads than there are connections
      if (layer->second == parameter.value() || !now.revision().values().contains(name)) continue;
      EXPECT_EQ(parameter.value(), rounded.contains(name) ? rounded[name] : layer->second) << name;
    }
    EXPECT_EQ(waiting, now.pending_restart_size());
    EXPECT_EQ(now.revision().state(), waiting > 0 ? v1::RESTART_PENDING : v1::IN_FORCE);
  }

  // Both datastores have a parameter each for the same purpose.
  static bool IsPostgresql() { return TheTraits().kind == "postgresql"; }
  static std::string Live() { return IsPostgresql() ? "work_mem" : "wait_timeout"; }
  static std::string Slow() { return IsPostgresql() ? "autovacuum_freeze_max_age" : "back_log"; }
  static std::string SlowValue() { return IsPostgresql() ? "300000000" : "77"; }
  // Passes every check and does not start; none: no such thing is known of this server.
  static Group Deadly() {
    if (IsPostgresql()) return {{"huge_pages", "on"}};
    if (TheTraits().product == "MariaDB") return {{"innodb_buffer_pool_size_max", "1000TB"}};
    return {};
  }

  AgentProcess agent_;
};

std::string Show(const Group& group) {
  std::string text;
  for (const auto& [name, value] : group)
    text += (text.empty() ? "" : ", ") + name + "=" + value.substr(0, value.find('\n'));
  return text.empty() ? "(empty)" : text;
}

TEST_F(Configurations, TheServerRunsOnWhatTheAnswerSaysWhateverIsApplied) {
  const std::vector<ConfigurationCase> cases = ConfigurationCases();
  EXPECT_GE(cases.size(), 60U);
  for (const ConfigurationCase& one : cases) {
    SCOPED_TRACE(Show(one.group));
    const v1::Revision before = Get().revision();
    const bool restart = one.want == Want::kRestarted || one.want == Want::kFails;
    v1::ApplyConfigurationRequest request = Request(one.group, restart);
    std::string answer;
    if (one.want == Want::kRefused) {
      v1::ApplyConfigurationResponse response;
      EXPECT_EQ(Send(request, response).reason, "CONFIGURATION_INVALID");
      request.mutable_options()->set_validate_only(true);
      ASSERT_TRUE(Send(request, response).ok());
      bool found = false;
      for (const v1::ParameterViolation& violation : response.violations()) {
        found = found || violation.reason() == one.reason;
        answer += violation.reason() + " ";
      }
      EXPECT_TRUE(found) << response.DebugString();
      EXPECT_EQ(Get().revision().number(), before.number());
    } else {
      const v1::Operation operation = Apply(request);
      answer = v1::OperationState_Name(operation.state()) + " " + operation.error().reason();
      const v1::Revision after = Get().revision();
      if (one.want == Want::kFails) {
        EXPECT_EQ(operation.error().reason(), one.reason) << operation.DebugString();
        // the one before, unless that was never started with either
        EXPECT_LE(after.number(), before.number());
        EXPECT_TRUE(after.proven()) << after.DebugString();
        const std::string named = fmt::format("has revision {} again", after.number());
        EXPECT_NE(operation.error().message().find(named), std::string::npos)
            << operation.error().message();
      } else {
        EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << agent_.log();
        EXPECT_NE(after.number(), before.number());
        EXPECT_EQ(after.values().size(), one.group.size());
        EXPECT_EQ(after.state(), one.want == Want::kPending ? v1::RESTART_PENDING : v1::IN_FORCE)
            << after.DebugString();
      }
    }
    ExpectTruth();
    std::printf("%-70s %s; revision %llu, %s\n", Show(one.group).c_str(), answer.c_str(),
                static_cast<unsigned long long>(Get().revision().number()),
                v1::InstanceState_Name(agent_.Instance().state()).c_str());
  }
}

TEST_F(Configurations, WhatIsNotInTheGroupAnyMoreGoesBackAtOnce) {
  const std::string before = Describe()[Live()].value();
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  const v1::Parameter changed = Describe()[Live()];
  EXPECT_EQ(changed.value(), IsPostgresql() ? "5120" : "55");
  EXPECT_EQ(changed.source(), v1::GROUP);
  Succeed(Request({}));
  const v1::Parameter back = Describe()[Live()];
  EXPECT_EQ(back.value(), before);
  EXPECT_NE(back.source(), v1::GROUP);
  // and the same again changes nothing
  v1::ApplyConfigurationResponse response;
  EXPECT_TRUE(Send(Request({}), response).ok());
  EXPECT_FALSE(response.has_operation());
}

TEST_F(Configurations, TheSameRequestIdIsDoneOnce) {
  v1::ApplyConfigurationRequest request = Request({{Live(), IsPostgresql() ? "5MB" : "55"}});
  request.set_request_id("one");
  v1::ApplyConfigurationResponse first, second;
  ASSERT_TRUE(Send(request, first).ok());
  agent_.Finish(first.operation());
  ASSERT_TRUE(Send(request, second).ok());
  EXPECT_EQ(first.operation().id(), second.operation().id());
  EXPECT_EQ(Get().revision().number(), 2U);
  request.mutable_options()->set_expected_revision(1);
  request.set_request_id("two");
  EXPECT_EQ(Send(request, second).reason, "REVISION_CHANGED");
}

TEST_F(Configurations, HistoryTellsWhoAndWhatAndRollsBack) {
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  Succeed(Request({{Live(), IsPostgresql() ? "6MB" : "66"}}));
  v1::RollbackConfigurationRequest request;
  request.set_revision(2);
  v1::ApplyConfigurationResponse response;
  ASSERT_TRUE(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Rollback, request, response)
          .ok());
  EXPECT_EQ(agent_.Finish(response.operation()).state(), v1::SUCCEEDED);
  EXPECT_EQ(Describe()[Live()].value(), IsPostgresql() ? "5120" : "55");
  v1::ListRevisionsRequest list;
  list.mutable_page()->set_page_size(3);
  v1::ListRevisionsResponse page;
  ASSERT_TRUE(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::ListRevisions, list, page)
          .ok());
  ASSERT_EQ(page.revisions_size(), 3);
  EXPECT_EQ(page.revisions(0).number(), 4U);
  EXPECT_EQ(page.revisions(0).action(), "rollback");
  EXPECT_EQ(page.revisions(0).state(), v1::IN_FORCE);
  EXPECT_EQ(page.revisions(1).state(), v1::REPLACED);
  EXPECT_TRUE(page.revisions(0).caller().starts_with("uid:"));
  EXPECT_EQ(page.revisions(1).changes(0).name(), Live());
  EXPECT_FALSE(page.page().next_page_token().empty());
  request.set_revision(99);
  EXPECT_EQ(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Rollback, request, response)
          .reason,
      "REVISION_NOT_FOUND");
}

TEST_F(Configurations, ResizeMakesTheTemplateAnewAndKeepsTheGroup) {
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  const std::string pool = IsPostgresql() ? "shared_buffers" : "innodb_buffer_pool_size";
  const std::string small = Describe()[pool].value();
  v1::ResizeConfigurationRequest request;
  request.set_memory_bytes(2ULL << 30U);
  request.set_cores(2);
  request.mutable_options()->set_restart(true);
  v1::ApplyConfigurationResponse response;
  ASSERT_TRUE(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Resize, request, response)
          .ok());
  const v1::Operation resized = agent_.Finish(response.operation());
  ASSERT_EQ(resized.state(), v1::SUCCEEDED) << resized.DebugString();
  EXPECT_GT(std::stoull(Describe()[pool].value()), std::stoull(small));
  EXPECT_EQ(Get().revision().values().size(), 1U);
  ExpectTruth();
  request.set_memory_bytes(1ULL << 50U);
  EXPECT_EQ(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Resize, request, response)
          .reason,
      "MEMORY_TOO_LARGE");
  request.set_memory_bytes(1);
  EXPECT_EQ(
      Call<ConfigurationService>(agent_, &ConfigurationService::Stub::Resize, request, response)
          .reason,
      "MEMORY_TOO_SMALL");
}

TEST_F(Configurations, WhatWaitsForARestartIsInForceAfterIt) {
  Succeed(Request({{Slow(), SlowValue()}}));
  EXPECT_EQ(Get().pending_restart_size(), 1);
  EXPECT_TRUE(Describe()[Slow()].pending_restart());
  EXPECT_EQ(Describe()[Slow()].pending_value(), SlowValue());
  // the agent is restarted, the server is not: it still waits
  agent_.Stop();
  agent_.Start();
  EXPECT_EQ(Get().pending_restart_size(), 1);
  const v1::Operation restarted = RunInstance(&v1::InstanceService::Stub::Restart);
  EXPECT_EQ(restarted.state(), v1::SUCCEEDED) << restarted.DebugString();
  EXPECT_EQ(Describe()[Slow()].value(), SlowValue());
  EXPECT_TRUE(Get().revision().proven());
  ExpectTruth();
}

// Whether somebody listens there, on the server's port.
bool Listens(std::uint16_t port, std::uint32_t ip) {
  const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(ip);
  return connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

TEST_F(Configurations, SettingsOfTheAgentCountFromTheServersNextStart) {
  const std::uint32_t another = INADDR_LOOPBACK + 1;
  agent_.Stop();
  agent_.more_datastore = "  bind_addresses: [127.0.0.2]\n";
  agent_.Start();
  EXPECT_FALSE(Listens(agent_.port(), another));  // it runs, and nothing is changed under it
  EXPECT_EQ(RunInstance(&v1::InstanceService::Stub::Restart).state(), v1::SUCCEEDED);
  EXPECT_TRUE(Listens(agent_.port(), another));
  EXPECT_FALSE(Listens(agent_.port(), INADDR_LOOPBACK));
}

TEST_F(Configurations, AStartThatFailsGoesBackByItself) {
  if (Deadly().empty()) {
    std::printf(
        "no parameter of this server is known to pass all checks and keep it from starting\n");
    return;
  }
  Succeed(Request(Deadly()));
  EXPECT_EQ(Get().revision().number(), 2U);
  const v1::Operation restarted = RunInstance(&v1::InstanceService::Stub::Restart);
  EXPECT_EQ(restarted.state(), v1::SUCCEEDED) << restarted.DebugString();
  ASSERT_EQ(restarted.notes_size(), 1) << restarted.DebugString();
  EXPECT_NE(restarted.notes(0).find("runs with revision 1"), std::string::npos)
      << restarted.notes(0);
  EXPECT_EQ(Get().revision().number(), 1U);
  ExpectTruth();
}

TEST_F(Configurations, AServerThatCrashesOnWhatWasNeverProvenComesBackByItself) {
  if (Deadly().empty()) {
    std::printf(
        "no parameter of this server is known to pass all checks and keep it from starting\n");
    return;
  }
  Succeed(Request(Deadly()));
  // nobody asks the agent: the server dies, and its supervision cannot start it
  ASSERT_TRUE(agent_.Signal(agent_.server_pid(), SIGKILL));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (Get().revision().number() != 1 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(Get().revision().number(), 1U) << agent_.log();
  agent_.WaitForRecovery();
  ExpectTruth();
}

// The agent halts where the server is stopped, the port is taken, and given back when the agent has
// seen what comes of it.
TEST_F(Configurations, APortInUseIsToldAndTheConfigurationBeforeComesBack) {
  const os::Path control = agent_.home() / "control", reached = control.native() + ".reached";
  const auto hold = [&](const char* point) { std::ofstream(control) << "hold " << point << "\n"; };
  const auto stands = [&] {
    for (int i = 0; i < 600 && !std::filesystem::exists(reached); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return std::filesystem::exists(reached);
  };
  agent_.Stop();
  agent_.Start({{"DBAGENT_POINT_CONTROL", control}});
  hold("configuration.stopped");
  v1::ApplyConfigurationResponse response;
  ASSERT_TRUE(Send(Request({{Slow(), SlowValue()}}, true), response).ok());
  ASSERT_TRUE(stands()) << agent_.log();
  UniqueFd taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(taken.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(agent_.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(taken.get(), 1), 0);
  hold("configuration.back_stopped");
  std::filesystem::remove(reached);
  ASSERT_TRUE(stands()) << agent_.log();
  taken.Reset();
  std::filesystem::remove(reached);
  const v1::Operation operation = agent_.Finish(response.operation());
  EXPECT_EQ(operation.error().reason(), "CONFIGURATION_ROLLED_BACK") << operation.DebugString();
  EXPECT_NE(operation.error().message().find("ddress already in use"), std::string::npos)
      << operation.error().message();
  EXPECT_EQ(Get().revision().number(), 1U);
  ExpectTruth();
}

// ---- what others do

TEST_F(Configurations, WhatOthersChangedIsShownAndOverwrittenOnlyOnRequest) {
  v1::EnableRootRequest enable;
  enable.set_password("root pw");
  v1::EnableRootResponse enabled;
  ASSERT_TRUE(
      Call<v1::UserService>(agent_, &v1::UserService::Stub::EnableRoot, enable, enabled).ok());
  auto root = TheTraits().log_in(
      agent_.port(), {"root", Secret("root pw"), IsPostgresql() ? "postgres" : "mysql"});
  ASSERT_TRUE(root.ok()) << root.status().ToString();
  if (IsPostgresql()) {
    ASSERT_TRUE((*root)->Query("ALTER SYSTEM SET work_mem = '7MB'").ok());
    ASSERT_TRUE((*root)->Query("SELECT pg_reload_conf()").ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  } else {
    ASSERT_TRUE((*root)->Query("SET GLOBAL wait_timeout = 123").ok());
  }
  v1::Configuration now = Get();
  ASSERT_EQ(now.drift_size(), 1) << now.DebugString();
  EXPECT_EQ(now.drift(0).parameter(), Live());
  EXPECT_EQ(now.drift(0).kind(), IsPostgresql() ? v1::PERSISTED : v1::SET_AT_RUNTIME);
  v1::ApplyConfigurationRequest request = Request({{Live(), IsPostgresql() ? "5MB" : "55"}});
  v1::ApplyConfigurationResponse response;
  EXPECT_EQ(Send(request, response).reason, "CONFIGURATION_DRIFTED");
  request.mutable_options()->set_overwrite_drift(true);
  Succeed(request);
  EXPECT_EQ(Describe()[Live()].value(), IsPostgresql() ? "5120" : "55");
  ExpectTruth();
}

TEST_F(Configurations, AnEditedFileIsShownAndNotOverwritten) {
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  const os::Path file =
      agent_.volume().config() / "sets" / "2" / (IsPostgresql() ? "20-group.conf" : "20-group.cnf");
  std::ofstream(file, std::ios::app) << Slow() << " = " << SlowValue() << "\n";
  const v1::Configuration now = Get();
  ASSERT_EQ(now.drift_size(), 1) << now.DebugString();
  EXPECT_EQ(now.drift(0).kind(), v1::FILE_EDITED);
  ASSERT_EQ(now.drift(0).lines_size(), 1);
  EXPECT_EQ(now.drift(0).lines(0), "+" + Slow() + " = " + SlowValue());
  v1::ApplyConfigurationRequest request = Request({});
  v1::ApplyConfigurationResponse response;
  EXPECT_EQ(Send(request, response).reason, "CONFIGURATION_DRIFTED");
  // a restart takes it as it is: an operator may have had a reason
  EXPECT_EQ(RunInstance(&v1::InstanceService::Stub::Restart).state(), v1::SUCCEEDED);
  EXPECT_EQ(Describe()[Slow()].value(), SlowValue());
  request.mutable_options()->set_overwrite_drift(true);
  request.mutable_options()->set_restart(true);
  Succeed(request);
  EXPECT_NE(Describe()[Slow()].value(), SlowValue());
  ExpectTruth();
}

TEST_F(Configurations, AFileThatKeepsTheServerFromStartingIsPutAside) {
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  const os::Path file =
      agent_.volume().config() / "sets" / "2" / (IsPostgresql() ? "20-group.conf" : "20-group.cnf");
  std::ofstream(file, std::ios::app) << "no_such_parameter = 1\n";
  const v1::Operation restarted = RunInstance(&v1::InstanceService::Stub::Restart);
  EXPECT_EQ(restarted.state(), v1::SUCCEEDED) << restarted.DebugString() << agent_.log();
  EXPECT_GE(restarted.notes_size(), 1);
  const os::Path kept =
      agent_.volume().agent() / "configuration" / "edited" / ("2-" + file.filename().native());
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_EQ(Get().revision().number(), 2U);
  ExpectTruth();
}

TEST_F(Configurations, AFileThatCannotBeReadIsWrittenAgain) {
  Succeed(Request({{Live(), IsPostgresql() ? "5MB" : "55"}}));
  const os::Path file =
      agent_.volume().config() / "sets" / "2" / (IsPostgresql() ? "20-group.conf" : "20-group.cnf");
  ASSERT_EQ(chmod(file.c_str(), 0), 0);
  ASSERT_EQ(Get().drift_size(), 1);
  EXPECT_EQ(Get().drift(0).kind(), v1::FILE_UNREADABLE);
  const v1::Operation restarted = RunInstance(&v1::InstanceService::Stub::Restart);
  EXPECT_EQ(restarted.state(), v1::SUCCEEDED) << restarted.DebugString();
  EXPECT_EQ(Describe()[Live()].value(), IsPostgresql() ? "5120" : "55");
  ExpectTruth();
}

TEST_F(Configurations, AStoppedServerIsConfiguredFromWhatItSaidLast) {
  Describe();
  EXPECT_EQ(RunInstance(&v1::InstanceService::Stub::Stop).state(), v1::SUCCEEDED);
  EXPECT_TRUE(Get().server_unavailable());
  v1::ApplyConfigurationResponse response;
  EXPECT_EQ(Send(Request({{"nosuch", "1"}}), response).reason, "CONFIGURATION_INVALID");
  Succeed(Request({{Slow(), SlowValue()}}));
  EXPECT_EQ(agent_.Instance().state(), v1::STOPPED);
  EXPECT_EQ(RunInstance(&v1::InstanceService::Stub::Start).state(), v1::SUCCEEDED);
  EXPECT_EQ(Describe()[Slow()].value(), SlowValue());
  ExpectTruth();
}

}  // namespace
}  // namespace dbagent::tests
