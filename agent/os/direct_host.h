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
  Path runtime_directory = {};  // made by PrepareVolume
  std::function<void(const ServerEvent&)> on_event =
      {};  // called from the supervising thread; must not block
  // Set: a transient host. All that it runs, the server too, ends with the agent and yields to
  // everything else, with this nice value.
  std::optional<int> transient_nice = {};
  // Set: this process is root, in the helper. Tools and the server become the server's user, and
  // everything on the volume has its owner.
  std::optional<Separation> separation = {};
  // With a separation: where root keeps, on this machine's own disk, what is about this machine.
  Path machine_state = {};
  // The systemd unit that runs the server; empty: it is run here (service manager `child`).
  std::string unit = {};
};

// Everything happens in process: in direct mode in the agent, which is the server's user, else in
// the helper.
//
// State on disk: `server` in <volume>/agent or, with a separation, <volume>/helper (what should be
// and which process it is: pid, start time, boot id), and `children/<pid>` per running tool, there
// or in machine_state. A process is recorded before it may exec, so none is ever unknown. The
// server outlives the host: destroying the host leaves it running and forgets it.
std::unique_ptr<InstanceHost> MakeDirectHost(DirectHostOptions options);

}  // namespace dbagent::os
