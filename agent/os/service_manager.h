#pragma once

#include "agent/base/op_context.h"
#include "agent/os/instance_host.h"

namespace dbagent::os {

// Who runs the server: the agent or its helper itself (`child`: server_supervisor.h), or systemd
// (`systemd`: systemd_unit.h). Start, Stop, State and Resume are InstanceHost's. Threads: any.
// Destroying it leaves the server as it is.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;
  virtual Status Start() = 0;
  virtual Status Stop(const OpContext& ctx) = 0;
  virtual ServerProcessState State() = 0;
  // Finds the server of an earlier life again.
  virtual Status Find() = 0;
  virtual Status Resume() = 0;
};

}  // namespace dbagent::os
