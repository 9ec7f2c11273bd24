#pragma once

#include <memory>

#include "agent/os/helper_table.h"
#include "agent/os/instance_host.h"

namespace dbagent::os {

struct HelperHostOptions {
  Path socket;  // dbagent-helper's
  HelperTable table;
  bool scratch = false;  // the scratch instance, which is transient; else the main one
};

// The agent's side of dbagent-helper: what needs the server's rights, or root's, is done there;
// tools that are clients of the running server are run here. Each call is a connection of its own,
// so that they do not wait for each other.
//
// Errors beside InstanceHost's: HELPER_GONE (UNAVAILABLE: it does not run, or ended meanwhile; what
// was running there is over), HELPER_TABLE_DIFFERS (FAILED_PRECONDITION).
std::unique_ptr<InstanceHost> MakeHelperHost(HelperHostOptions options);

}  // namespace dbagent::os
