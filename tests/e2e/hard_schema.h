#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {

// Databases with all that is hard to back up (tests/data/), and looks at them that are independent
// of the agent: by the server's own tools, as the agent's account over its socket.
struct HardSchema {
  std::vector<std::string> databases;  // that the statements make
  Status (*make)(AgentProcess& agent) = nullptr;
  // Texts that must be the same afterwards, by what they tell: a dump, checksums, accounts.
  Result<std::map<std::string, std::string>> (*look)(AgentProcess& agent) = nullptr;
  // What the server's own check of all its files finds wrong; empty when nothing is.
  Result<std::string> (*find_damage)(AgentProcess& agent) = nullptr;
  // Takes the accounts away that `make` made.
  Status (*drop_accounts)(AgentProcess& agent) = nullptr;
  std::set<std::string> only_physical;  // texts of what no logical backup carries
};

HardSchema MysqlHardSchema();
HardSchema PostgresqlHardSchema();

}  // namespace dbagent::tests
