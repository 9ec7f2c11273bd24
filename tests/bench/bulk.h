#pragma once

#include <string>

#include "tests/e2e/agent_process.h"

// A large database, and the plain tools that copy its server.
namespace dbagent::tests {

inline constexpr int kRowsAtOnce = 1000000;

// A database, empty; a million rows more of some 270 bytes, most of them random; both for so many
// millions.
void MakeBulk(AgentProcess& agent, const std::string& database = "bulk");
void AddBulkRows(AgentProcess& agent, int first, const std::string& database = "bulk");
void FillBulk(AgentProcess& agent, int millions);

// By bash, with pipefail; a failure fails the case.
void Shell(const std::string& command);
// What dumps a database without us, and loads one; followed by its name.
struct PlainTools {
  std::string dump, load;
};
PlainTools ToolsFor(AgentProcess& agent);
// What copies the server without us, on its standard output; empty where there is none.
std::string PlainCopy(AgentProcess& agent);

}  // namespace dbagent::tests
