#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/agent_process.h"

// What the kill matrix (kill_faulttest.cpp) runs, and the calls that its scenarios share.
namespace dbagent::tests {

inline constexpr const char* kOldPassword = "old password";
inline constexpr const char* kNewPassword = "new password";

struct Scenario {
  std::string kind;
  std::function<void(AgentProcess&)>
      before;  // brings about what the call needs; the agent is not going to be killed
  std::function<void(AgentProcess&)> call;  // its outcome does not matter: the agent may be gone
  std::function<void(AgentProcess&, bool succeeded)> truth;
  bool fails = false;     // the call is meant to fail, whether the agent is killed or not
  std::string only = {};  // the points that begin so; the others are those of another scenario
  bool goes_on = false;   // once its plan is journalled it succeeds, killed or not
};

std::vector<Scenario> DatabaseScenarios();
std::vector<Scenario> UserScenarios();
std::vector<Scenario> ServerScenarios();
std::vector<Scenario> BackupScenarios();
std::vector<Scenario> PhysicalScenarios();
std::vector<Scenario> ConfigurationScenarios();

// ---- calls; the agent may be gone before their end

bool Exists(AgentProcess& agent, const std::string& database);
void Create(AgentProcess& agent, const std::vector<std::string>& names);
void Drop(AgentProcess& agent, const std::vector<std::string>& names);
std::vector<std::string> DatabaseNames(AgentProcess& agent);
// The user `killer`, with kOldPassword, who may write to `database`.
void CreateUser(AgentProcess& agent, const std::string& database = "");
void DropUser(AgentProcess& agent);
bool UserExists(AgentProcess& agent);
// Two keys of backups, `old` and `new`, which is the active one.
void WriteKeys(AgentProcess& agent);
void FollowWhileItLives(AgentProcess& agent, const v1::Operation& operation);

template <typename Service, typename Request>
void RunOperation(AgentProcess& agent,
                  grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Operation*),
                  const Request& request) {
  v1::Operation operation;
  if (Call<Service>(agent, method, request, operation).ok()) FollowWhileItLives(agent, operation);
}

}  // namespace dbagent::tests
