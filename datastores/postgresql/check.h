#pragma once

#include "datastores/postgresql/server.h"

// What is wrong with the values of a group together (README, section Configuration). Threads: any.
namespace dbagent::datastore::postgresql {

// Values that would shut out the agent, that do not fit each other, libraries that are not allowed,
// and memory. Pure.
std::vector<Violation> CheckValues(const Description& description, const ConfigurationSet& set,
                                   const Values& of_system);
// What only the running server knows: libraries that are not installed, and what it says of values
// when they are set for one statement. Nothing when it does not run.
Result<std::vector<Violation>> CheckByServer(const OpContext& ctx, Server& server,
                                             const Description& description, const Values& group);

}  // namespace dbagent::datastore::postgresql
