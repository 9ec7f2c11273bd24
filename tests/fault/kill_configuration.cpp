// Configuration groups: what becomes of an Apply that is cut.
#include <gtest/gtest.h>

#include "dbagent/v1/configuration.grpc.pb.h"
#include "tests/fault/kill_scenario.h"

namespace dbagent::tests {
namespace {

using Group = std::map<std::string, std::string>;

void ApplyGroup(AgentProcess& agent, const Group& group, bool restart) {
  v1::ApplyConfigurationRequest request;
  request.mutable_values()->insert(group.begin(), group.end());
  request.mutable_options()->set_restart(restart);
  request.mutable_options()->set_restart_timeout_seconds(60);
  v1::ApplyConfigurationResponse response;
  if (Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::Apply, request,
                                     response)
          .ok() &&
      response.has_operation())
    FollowWhileItLives(agent, response.operation());
}

v1::Configuration ConfigurationOf(AgentProcess& agent) {
  v1::Configuration now;
  Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::Get,
                                 google::protobuf::Empty(), now);
  return now;
}

std::string ValueOf(AgentProcess& agent, const std::string& name) {
  v1::DescribeParametersRequest request;
  request.add_names(name);
  v1::DescribeParametersResponse response;
  Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::DescribeParameters,
                                 request, response);
  return response.parameters().empty() ? "" : response.parameters(0).value();
}

}  // namespace

// One parameter that is set at once and one that needs a restart; what passes every check and keeps
// the server from starting (MySQL: nothing is known that does).
std::vector<Scenario> ConfigurationScenarios() {
  const bool postgresql = TheTraits().kind == "postgresql";
  const std::string live = postgresql ? "statement_timeout" : "wait_timeout";
  const std::string slow = postgresql ? "autovacuum_freeze_max_age" : "back_log";
  const Group old_group = {{live, "5000"}, {slow, postgresql ? "250000000" : "75"}};
  const Group new_group = {{live, "6000"}, {slow, postgresql ? "260000000" : "76"}};
  Group deadly = new_group;
  deadly.insert(postgresql ? Group::value_type{"huge_pages", "on"}
                           : Group::value_type{"innodb_buffer_pool_size_max", "1000TB"});
  // the server runs on one whole group, and what the agent says of it is so
  const auto is = [live, slow](AgentProcess& agent, const Group& group, bool slow_too) {
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
    const v1::Configuration now = ConfigurationOf(agent);
    EXPECT_EQ(Group(now.revision().values().begin(), now.revision().values().end()), group);
    EXPECT_EQ(now.drift_size(), 0) << now.DebugString();
    EXPECT_EQ(ValueOf(agent, live), group.at(live));
    if (slow_too) {
      EXPECT_EQ(ValueOf(agent, slow), group.at(slow));
    }
  };
  const auto before = [old_group](AgentProcess& agent) { ApplyGroup(agent, old_group, true); };
  std::vector<Scenario> scenarios = {
      {"configuration.apply", before,
       [new_group](AgentProcess& agent) { ApplyGroup(agent, new_group, false); },
       [=](AgentProcess& agent, bool succeeded) {
         is(agent, succeeded ? new_group : old_group, !succeeded);
         EXPECT_EQ(ConfigurationOf(agent).pending_restart_size(), succeeded ? 1 : 0);
       }},
      {"configuration.apply_restart", before,
       [new_group](AgentProcess& agent) { ApplyGroup(agent, new_group, true); },
       [=](AgentProcess& agent, bool succeeded) {
         is(agent, succeeded ? new_group : old_group, true);
       }}};
  if (TheTraits().product != "MySQL") {
    scenarios.push_back({"configuration.apply_restart", before,
                         [deadly](AgentProcess& agent) { ApplyGroup(agent, deadly, true); },
                         [=](AgentProcess& agent, bool) { is(agent, old_group, true); },
                         /*fails=*/true});
  }
  return scenarios;
}

}  // namespace dbagent::tests
