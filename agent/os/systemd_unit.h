#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/os/direct_host.h"
#include "agent/os/service_manager.h"

namespace dbagent::os {

// Service manager `systemd`: the server is a unit of the machine's. Talks to PID 1 over its private
// socket, which answers root only (org.freedesktop.systemd1(5)).
//
// What should be is on the volume (server_record.h), and again on this machine's own disk: the unit
// has `marker` as its ConditionPathExists=, so that the machine's boot starts the server that
// should run, without the agent, and no other; not that of a volume which was carried here and that
// the agent has not looked at yet. What stands in it is `environment` (unit_environment.h), the
// unit's EnvironmentFile=.
//
// Errors beside InstanceHost's: UNIT_NOT_FOUND, UNIT_MASKED, UNIT_REFUSED (FAILED_PRECONDITION; its
// condition does not hold, or systemd refuses the job), SYSTEMD_UNAVAILABLE (UNAVAILABLE).
// `last_exit` of a unit that fails says what systemd says of it: `result exit-code, exit code 1`.
struct SystemdUnitOptions {
  std::string unit;
  Path record, marker;
  std::string environment;
  std::function<void(const ServerEvent&)> on_event;
};
std::unique_ptr<ServiceManager> MakeSystemdUnit(SystemdUnitOptions options);

}  // namespace dbagent::os
