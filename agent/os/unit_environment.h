#pragma once

#include <string>

#include "agent/os/instance_host.h"

namespace dbagent::os {

// What a unit needs to run the server as its driver defines it, as a file for the unit's
// EnvironmentFile=: the definition's environment, and its arguments as one variable. The unit has
// `ExecStart=PROGRAM $SERVER_ARGUMENTS`, which systemd splits at blanks outside of quotes
// (systemd.exec(5), systemd.service(5)). Arguments on the command line are what nobody who may
// write the server's files can override (ALTER SYSTEM).
std::string UnitEnvironment(const ToolDefinition& server);

}  // namespace dbagent::os
