// Parameters described and set live, beside the bare SQL in the same process, taken in turn.
#include <gtest/gtest.h>

#include "dbagent/v1/configuration.grpc.pb.h"
#include "tests/bench/bench.h"

namespace dbagent::tests {
namespace {

using v1::ConfigurationService;

constexpr int kDescriptions = 50, kApplies = 20;

// What the server keeps of its parameters, all columns.
std::string BareDescription() {
  if (TheTraits().kind == "postgresql") return "SELECT * FROM pg_settings";
  return TheTraits().product == "MariaDB"
             ? "SELECT * FROM information_schema.SYSTEM_VARIABLES"
             : "SELECT * FROM performance_schema.variables_info JOIN "
               "performance_schema.global_variables USING (VARIABLE_NAME)";
}

int Describe(AgentProcess& agent) {
  v1::DescribeParametersRequest request;
  request.mutable_page()->set_page_size(1000);
  v1::DescribeParametersResponse response;
  EXPECT_TRUE(Call<ConfigurationService>(agent, &ConfigurationService::Stub::DescribeParameters,
                                         request, response)
                  .ok());
  return response.parameters_size();
}

void Apply(AgentProcess& agent, const std::string& name, const std::string& value) {
  v1::ApplyConfigurationRequest request;
  (*request.mutable_values())[name] = value;
  v1::ApplyConfigurationResponse response;
  EXPECT_TRUE(
      Call<ConfigurationService>(agent, &ConfigurationService::Stub::Apply, request, response)
          .ok());
  EXPECT_EQ(agent.Finish(response.operation()).state(), v1::SUCCEEDED);
}

TEST(Bench, Configuration) {
  AgentProcess agent;
  agent.Start();
  Prepare(agent, 0, 0);
  const auto session = BareSession(agent);
  Samples first;
  int parameters = 0;
  first.Time([&] { parameters = Describe(agent); });
  Report(fmt::format("DescribeParameters, {}, the first after a start", parameters),
         first.ToString());
  Samples described, bare;
  for (int i = 0; i < kDescriptions; ++i) {
    described.Time([&] { Describe(agent); });
    bare.Time([&] { Ask(*session, BareDescription()); });
  }
  Report("DescribeParameters, all in one page", described, "bare statement", bare);

  const bool postgresql = TheTraits().kind == "postgresql";
  const std::string name = postgresql ? "statement_timeout" : "wait_timeout";
  Samples applied, bare_set;
  for (int i = 0; i < kApplies; ++i) {
    applied.Time([&] { Apply(agent, name, std::to_string(5000 + i)); });
    bare_set.Time([&] {
      if (postgresql) {
        Ask(*session, fmt::format("ALTER SYSTEM SET lock_timeout = {}", 5000 + i));
        Ask(*session, "SELECT pg_reload_conf()");
      } else {
        Ask(*session, fmt::format("SET GLOBAL lock_wait_timeout = {}", 5000 + i));
      }
    });
  }
  Report("Apply of one live parameter, to its end", applied, "bare SET", bare_set);
}

}  // namespace
}  // namespace dbagent::tests
