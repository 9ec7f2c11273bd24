#pragma once

#include "datastores/datastore.h"

// What the agent itself sets, whatever a group says. Pure; threads: any.
namespace dbagent::datastore::postgresql {

// The same for every set. They stand in the system layer and on the server's command line: that has
// precedence over what a superuser of the database writes with ALTER SYSTEM, which the server reads
// after all files of the agent's.
Values ConstantValues(const ServerSettings& settings);
// More of a scratch server; on its command line, where nothing overrides it.
Values ScratchValues(std::uint32_t major);
// All of them. The set's networks and the addresses must have been checked.
Values SystemValues(const ServerSettings& settings, const ConfigurationSet& set);

}  // namespace dbagent::datastore::postgresql
