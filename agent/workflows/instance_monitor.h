#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/config/settings.h"
#include "agent/os/volume.h"
#include "datastores/datastore.h"
#include "dbagent/v1/instance.pb.h"

namespace dbagent::workflows {

// Knows the instance's state: asks the driver every second, and at once when poked. Tells
// subscribers of changes, and logs them. Threads: any.
class InstanceMonitor {
 public:
  InstanceMonitor(const config::Settings& settings, const os::Volume& volume,
                  datastore::Datastore& datastore);
  ~InstanceMonitor();

  void Start();
  // As last seen, at most a second old.
  v1::Instance Current();
  // Looks now, in the calling thread, and tells: what changed the state calls it, so that whoever
  // sees it done sees the new state too.
  void Refresh();
  // When the monitor's own thread looked last.
  std::chrono::steady_clock::time_point LastLook() const { return last_look_; }
  // Prepare is running (the server's own state means nothing then).
  void SetPreparing(bool preparing);
  // `changed` is called with the new state from the monitor's thread, must not block and must not
  // ask the monitor; ends with the returned object.
  std::shared_ptr<void> Subscribe(std::function<void(v1::InstanceState)> changed);

 private:
  void Run();
  v1::Instance Look(bool preparing);

  const config::Settings& settings_;
  const os::Volume& volume_;
  datastore::Datastore& datastore_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false, preparing_ = false;
  std::mutex look_mutex_;  // one look at a time, so that an older one never overwrites a newer
  v1::Instance current_;
  std::uint64_t next_subscriber_ = 0;
  std::map<std::uint64_t, std::function<void(v1::InstanceState)>> subscribers_;
  std::atomic<std::chrono::steady_clock::time_point> last_look_ = std::chrono::steady_clock::now();
  std::thread thread_;
};

}  // namespace dbagent::workflows
