#pragma once

#include "agent/base/op_context.h"
#include "agent/os/instance_host.h"

namespace dbagent::os {

// Who runs the server: the agent or its helper itself (`child`: server_supervisor.h), or systemd
// (`systemd`: systemd_unit.h). The methods are InstanceHost's of the same meaning. Threads: any.
// Destroying it leaves the server as it is.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;
  virtual Status Start() = 0;
  virtual Status Stop(const OpContext& ctx) = 0;
  virtual ServerProcessState State() = 0;
  virtual Status TakeOver() = 0;
};

}  // namespace dbagent::os
