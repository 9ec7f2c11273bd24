#include "agent/workflows/instance_monitor.h"

#include <vector>

#include "agent/telemetry/log.h"
#include "agent/workflows/instance_record.h"
#include "agent/workflows/translate.h"

namespace dbagent::workflows {
namespace {

v1::InstanceState StateOf(datastore::HealthState state) {
  switch (state) {
    case datastore::HealthState::kNotPrepared:
      return v1::NOT_PREPARED;
    case datastore::HealthState::kStopped:
      return v1::STOPPED;
    case datastore::HealthState::kStarting:
      return v1::STARTING;
    case datastore::HealthState::kHealthy:
      return v1::HEALTHY;
    case datastore::HealthState::kUnresponsive:
      return v1::UNRESPONSIVE;
    case datastore::HealthState::kCrashed:
      return v1::CRASHED;
  }
  return v1::INSTANCE_STATE_UNSPECIFIED;
}

}  // namespace

InstanceMonitor::InstanceMonitor(const config::Settings& settings, const os::Volume& volume,
                                 datastore::Datastore& datastore)
    : settings_(settings), volume_(volume), datastore_(datastore) {}

InstanceMonitor::~InstanceMonitor() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void InstanceMonitor::Start() {
  current_ = Look(false);
  thread_ = std::thread([this] { Run(); });
}

v1::Instance InstanceMonitor::Current() {
  const std::lock_guard lock(mutex_);
  return current_;
}

void InstanceMonitor::SetPreparing(bool preparing) {
  {
    const std::lock_guard lock(mutex_);
    preparing_ = preparing;
  }
  Refresh();
}

std::shared_ptr<void> InstanceMonitor::Subscribe(std::function<void(v1::InstanceState)> changed) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t key = next_subscriber_++;
  subscribers_[key] = std::move(changed);
  // the deleter runs for the handle, which carries no object of its own
  return std::shared_ptr<void>(this, [this, key](void*) {
    const std::lock_guard inner(mutex_);
    subscribers_.erase(key);
  });
}

v1::Instance InstanceMonitor::Look(bool preparing) {
  v1::Instance instance;
  const datastore::DatastoreInfo& info = datastore_.info();
  instance.set_datastore(info.kind);
  instance.set_product(info.product);
  instance.set_installed_version(info.version);
  instance.set_port(settings_.datastore.port);
  for (const std::string& address : settings_.datastore.bind_addresses)
    instance.add_bind_addresses(address);
  instance.set_agent_version(DBAGENT_VERSION);
  instance.set_mode(settings_.separate ? "separate" : "direct");
  instance.set_service_manager(settings_.separate && !settings_.separate->unit.empty() ? "systemd"
                                                                                       : "child");
  const Result<std::optional<InstanceRecord>> record = ReadInstanceRecord(volume_);
  if (!record.ok()) {
    instance.set_detail(record.status().FullMessage());
  } else if (preparing) {
    instance.set_state(v1::PREPARING);
  } else if (!*record) {
    instance.set_state(v1::NOT_PREPARED);
  } else {
    instance.set_id((*record)->id);
    ToTimestamp((*record)->prepared, *instance.mutable_prepare_time());
    const datastore::Health health = datastore_.CheckHealth();
    instance.set_state(StateOf(health.state));
    instance.set_detail(health.detail);
    instance.set_server_version(health.server_version);
  }
  ToTimestamp(std::chrono::system_clock::now(), *instance.mutable_observe_time());
  return instance;
}

void InstanceMonitor::Refresh() {
  const std::lock_guard look_lock(look_mutex_);
  bool preparing = false;
  {
    const std::lock_guard lock(mutex_);
    preparing = preparing_;
  }
  v1::Instance seen = Look(preparing);
  const std::lock_guard lock(mutex_);
  const bool changed = seen.state() != current_.state() || seen.id() != current_.id() ||
                       seen.server_version() != current_.server_version();
  if (seen.state() != current_.state()) {
    telemetry::LogInfo("instance.state",
                       fmt::format("the instance is {}", v1::InstanceState_Name(seen.state())),
                       {{"state", v1::InstanceState_Name(seen.state())},
                        {"was", v1::InstanceState_Name(current_.state())},
                        {"detail", seen.detail()}});
  }
  current_ = std::move(seen);
  if (!changed) return;
  // under the lock: a subscriber that went away must not be called any more, and the calls do not
  // block
  for (const auto& [key, call] : subscribers_) call(current_.state());
}

void InstanceMonitor::Run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, std::chrono::seconds(1), [this] { return ending_; })) return;
    }
    Refresh();
    last_look_ = std::chrono::steady_clock::now();
  }
}

}  // namespace dbagent::workflows
