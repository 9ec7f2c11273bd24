#pragma once

#include <memory>
#include <optional>

#include "agent/config/live_settings.h"
#include "agent/daemon/driver_parts.h"
#include "agent/rpc/server.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/databases.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/instances.h"
#include "agent/workflows/keys.h"
#include "agent/workflows/users.h"

namespace dbagent::daemon {

// The composition root: everything made in order, and taken down in the reverse one.
class Agent {
 public:
  // From settings to serving; the server is found again, interrupted operations are being
  // recovered.
  static Result<std::unique_ptr<Agent>> Start(config::Settings settings);

  rpc::Server& server() { return *server_; }
  workflows::InstanceMonitor& monitor() { return *monitor_; }
  void TouchOperations() { operations_->RunningByKind(); }
  // live_settings.h.
  Status TakeSettings(config::Settings settings) {
    return live_settings_.Replace(std::move(settings));
  }
  // Ends calls and operations; false when an operation did not end within its budget.
  bool Stop();

 private:
  explicit Agent(config::Settings settings)
      : settings_(std::move(settings)), live_settings_(settings_), volume_(settings_.volume) {}
  Status OpenHost();
  Status LockVolume();
  workflows::ScratchParts OpenScratch() const;
  Status OpenOperations();
  void ShowStateAtScrapes();

  const config::Settings settings_;
  config::LiveSettings live_settings_;
  const os::Volume volume_;
  UniqueFd volume_lock_;
  DriverParts parts_;
  std::unique_ptr<os::InstanceHost> host_;
  std::unique_ptr<datastore::Datastore> datastore_;
  std::unique_ptr<operations::Operations> operations_;
  std::unique_ptr<workflows::InstanceMonitor> monitor_;
  std::unique_ptr<workflows::Context> context_;
  std::unique_ptr<workflows::Configurations> configurations_;
  std::unique_ptr<workflows::Databases> databases_;
  std::unique_ptr<workflows::Users> users_;
  std::unique_ptr<workflows::Instances> instances_;
  std::unique_ptr<workflows::Backups> backups_;
  std::unique_ptr<workflows::Keys> keys_;
  std::unique_ptr<rpc::Workflows> rpc_workflows_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<void> health_subscription_, scrape_;
};

}  // namespace dbagent::daemon
