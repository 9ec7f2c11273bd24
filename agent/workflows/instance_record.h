#pragma once

#include <optional>
#include <string>

#include "agent/base/ids.h"
#include "agent/base/result.h"
#include "agent/os/volume.h"

namespace dbagent::workflows {

// Which instance lives on the volume: <volume>/agent/instance, written as the last step of Prepare.
// While there is none, the volume is empty as far as users are concerned.
struct InstanceRecord {
  std::string id;                // UUID
  std::string datastore;         // the driver's kind
  std::string product, version;  // of the server that ran on the data last
  WallTime prepared;
  std::string agent_user = {};  // whose SQL account the agent has; empty: an older agent's record
};

Result<std::optional<InstanceRecord>> ReadInstanceRecord(const os::Volume& volume);
Status WriteInstanceRecord(const os::Volume& volume, const InstanceRecord& record);

}  // namespace dbagent::workflows
