#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/os/instance_host.h"

namespace dbagent::os {

// What supervision saw; the host reports, it does not log (design section 3).
struct ServerEvent {
  std::string name;  // `server.exited`, `server.restarted`, `server.restart_given_up`,
                     // `server.start_failed`
  std::string text;
  bool is_error = false;
};

struct DirectHostOptions {
  Volume volume{Path()};
  ToolTable table;
  std::function<void(const ServerEvent&)>
      on_event;  // called from the supervising thread; must not block
  // Set: a transient host. All that it runs, the server too, ends with the agent and yields to
  // everything else, with this nice value.
  std::optional<int> transient_nice = {};
};

// Direct mode: the agent is the datastore's own user, everything happens in process, service
// manager `child`.
//
// State on disk, all below <volume>/agent: `server` (what should be and which process it is: pid,
// start time, boot id) and `children/<pid>` per running tool. A process is recorded before it may
// exec, so none is ever unknown. The server outlives the host: destroying the host leaves it
// running and forgets it.
std::unique_ptr<InstanceHost> MakeDirectHost(DirectHostOptions options);

// Removes a volume of a transient host that is gone, with its agent or without, after ending what
// still works on it. Nothing there is fine. PROCESS_STAYS.
Status DiscardVolume(const Volume& volume, Deadline deadline);

}  // namespace dbagent::os
