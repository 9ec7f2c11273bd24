// The kill matrix: the agent is killed (SIGKILL) at every kill point that a call passes, and
// started again. Each time the journal must tell the truth, the server must run, nothing may be
// left behind, and the next call must work.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/fault/halting_agent.h"
#include "tests/fault/kill_scenario.h"

namespace dbagent::tests {
namespace {

using v1::InstanceService;

std::vector<std::string> ReadPoints(const os::Path& log) {
  std::ifstream file(log);
  std::set<std::string> points;
  for (std::string line; std::getline(file, line);) points.insert(line);
  return {points.begin(), points.end()};
}

// What every recovery owes, whatever was killed.
void CheckAfterwards(AgentProcess& agent, const std::string& at) {
  EXPECT_TRUE(std::filesystem::is_empty(agent.volume().agent() / "children"))
      << at << ": a tool's record is left";
  EXPECT_FALSE(agent.HasStaging()) << at << ": what a physical backup had on its way is left";
  Create(agent, {"after"});
  EXPECT_TRUE(Exists(agent, "after")) << at << agent.log();
  Drop(agent, {"after"});
  EXPECT_FALSE(Exists(agent, "after")) << at;
}

v1::Operation NewestOf(AgentProcess& agent, const std::string& kind) {
  v1::ListOperationsRequest request;
  request.set_kind(kind);
  request.mutable_page()->set_page_size(1);
  v1::ListOperationsResponse response;
  Call<v1::OperationService>(agent, &v1::OperationService::Stub::List, request, response);
  return response.operations().empty() ? v1::Operation() : response.operations(0);
}

class KillMatrix : public testing::Test {
 protected:
  static AgentProcess& Agent() {
    if (!agent_) {
      agent_ = std::make_unique<AgentProcess>();
      WriteKeys(*agent_);
      agent_->Start();
      v1::PrepareInstanceRequest request;
      request.add_allowed_networks("127.0.0.0/8");
      request.add_databases()->set_name("keep");
      agent_->Prepare(request);
    }
    return *agent_;
  }

  static void RunScenario(const Scenario& scenario) {
    AgentProcess& agent = Agent();
    const os::Path log = agent.home() / ("points." + scenario.kind);
    scenario.before(agent);
    agent.Stop();
    agent.Start({{"DBAGENT_KILL_LOG", log}});
    scenario.call(agent);
    scenario.truth(agent, true);
    const std::vector<std::string> points = ReadPoints(log);
    EXPECT_GE(points.size(), 3U) << scenario.kind << " passes hardly any kill points";
    for (const std::string& point : points) {
      if (!point.starts_with(scenario.kind.substr(0, scenario.kind.find('.'))) &&
          !point.starts_with("restore") && !point.starts_with("start") &&
          !point.starts_with("stop") &&
          !(scenario.kind.starts_with("backup") && point.starts_with(TheTraits().kind))) {
        continue;  // of the calls that `truth` made
      }
      if (!point.starts_with(scenario.only)) continue;
      SCOPED_TRACE("killed at " + point);
      agent.Stop();
      agent.Start();
      scenario.before(agent);
      const std::string earlier = NewestOf(agent, scenario.kind).id();
      agent.Stop();
      agent.Start({{"DBAGENT_KILL_AT", point}});
      scenario.call(agent);
      if (!agent.WaitForEnd(std::chrono::seconds(2))) continue;  // a point of another call
      // the life that goes on with it may end at the same place
      if (scenario.goes_on && Thorough()) {
        agent.Start({{"DBAGENT_KILL_AT", point}});
        agent.WaitForEnd(std::chrono::seconds(1));
        agent.Stop();
      }
      agent.Start();
      agent.WaitForRecovery();
      const v1::Operation operation = NewestOf(agent, scenario.kind);
      ASSERT_NE(operation.id(), earlier) << agent.log();
      EXPECT_TRUE(
          operation.error().reason() == "INTERRUPTED" ||
          (scenario.fails ? operation.state() == v1::FAILED : operation.state() == v1::SUCCEEDED))
          << operation.DebugString();
      if (scenario.goes_on && !point.ends_with(".journalled")) {
        EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
      }
      scenario.truth(agent, operation.state() == v1::SUCCEEDED);
      CheckAfterwards(agent, point);
      killed_.insert(scenario.kind + (scenario.fails ? " (failing) " : " ") + point);
    }
  }

  static void TearDownTestSuite() {
    agent_.reset();  // with its server; at the program's end it would be too late
    std::printf("killed at %zu points:\n", killed_.size());
    for (const std::string& point : killed_) std::printf("  %s\n", point.c_str());
  }
  static inline std::unique_ptr<AgentProcess> agent_;
  static inline std::set<std::string> killed_;
};

TEST_F(KillMatrix, DatabaseCalls) {
  for (const Scenario& scenario : DatabaseScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, UserCalls) {
  for (const Scenario& scenario : UserScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, ServerCalls) {
  for (const Scenario& scenario : ServerScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, BackupCalls) {
  for (const Scenario& scenario : BackupScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, ConfigurationCalls) {
  for (const Scenario& scenario : ConfigurationScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, PhysicalBackupCalls) {
  for (const Scenario& scenario : PhysicalScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, Prepare) {
  v1::PrepareInstanceRequest request;
  request.set_memory_bytes(256U << 20U);
  request.add_databases()->set_name("keep");
  std::vector<std::string> points;
  {
    AgentProcess agent;
    agent.Start({{"DBAGENT_KILL_LOG", agent.home() / "points"}});
    agent.Prepare(request);
    points = ReadPoints(agent.home() / "points");
  }
  EXPECT_GE(points.size(), 9U);
  for (const std::string& point : points) {
    SCOPED_TRACE("killed at " + point);
    AgentProcess agent;
    agent.Start({{"DBAGENT_KILL_AT", point}});
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Prepare, request);
    ASSERT_TRUE(agent.WaitForEnd());
    agent.Start();
    agent.WaitForRecovery();
    const v1::Operation operation = NewestOf(agent, "instance.prepare");
    if (operation.state() != v1::SUCCEEDED) {
      EXPECT_EQ(operation.error().reason(), "INTERRUPTED") << operation.DebugString();
      EXPECT_EQ(agent.Instance().state(), v1::NOT_PREPARED);
      EXPECT_TRUE(std::filesystem::is_empty(agent.volume().generations()));
      EXPECT_EQ(agent.server_pid(), 0);
      agent.Prepare(request);
    }
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
    CheckAfterwards(agent, point);
    killed_.insert("instance.prepare " + point);
  }
}

}  // namespace
}  // namespace dbagent::tests
