#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/base/op_context.h"
#include "agent/config/live_settings.h"
#include "agent/operations/operations.h"
#include "agent/os/instance_host.h"
#include "agent/os/volume.h"
#include "datastores/datastore.h"

namespace dbagent::workflows {

class InstanceMonitor;

// A server on ServerSettings' volume `scratch`, closed by destroying it. Made for each use.
struct ScratchParts {
  os::Volume volume;
  os::Path runtime_directory;
  std::unique_ptr<os::InstanceHost> host;
  std::unique_ptr<datastore::Datastore> datastore;
};

// What workflows work on; made once by the daemon, outlives them.
struct Context {
  const config::Settings& settings;  // as they were at the start
  const config::LiveSettings& live_settings;
  const os::Volume& volume;
  os::InstanceHost& host;
  datastore::Datastore& datastore;
  operations::Operations& operations;
  InstanceMonitor& monitor;
  std::function<ScratchParts()> open_scratch;
  std::string agent_user = {};  // whose SQL account the agent has
};

// Who calls, and how long there is.
struct Call {
  std::string caller;
  Deadline deadline = Deadline::Never();
  std::shared_ptr<StopSwitch>
      stop;  // the caller went away; for reads only, mutations go on to their end

  OpContext Reading() const { return OpContext(stop, deadline, {}, nullptr); }
};

// The capability, or UNIMPLEMENTED CAPABILITY_MISSING: the one place where that is answered.
template <typename Capability>
Result<Capability*> Require(Capability* capability, std::string_view name,
                            const datastore::Datastore& datastore) {
  if (capability != nullptr) return capability;
  return Error(Code::kUnimplemented, "CAPABILITY_MISSING",
               "the driver of {} has no capability '{}'", datastore.info().product, name)
      .WithHint("`dbagentctl instance capabilities` lists what it has");
}

// FAILED_PRECONDITION NOT_PREPARED unless Prepare has finished.
Status RequirePrepared(const os::Volume& volume);

}  // namespace dbagent::workflows
