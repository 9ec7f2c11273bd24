#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/unique_fd.h"
#include "agent/os/direct_host.h"
#include "agent/os/instance_host.h"
#include "agent/os/server_record.h"
#include "agent/os/service_manager.h"

namespace dbagent::os {

// Runs the server: starts it, watches it, restarts it when it ends on its own, stops it, finds it
// again. Threads: any; all but State wait for each other. Destroying it leaves the
// server running.
class ServerSupervisor : public ServiceManager {
 public:
  struct Options {
    Path record;
    ServerDefinition definition;
    std::function<void(const ServerEvent&)> on_event = {};
    std::optional<int> transient_nice = {};  // DirectHostOptions says what that is
    std::optional<OsUser> user = {};         // whom the server becomes
  };
  explicit ServerSupervisor(Options options) : options_(std::move(options)) {}
  ~ServerSupervisor() override;

  Status Start() override;
  Status Stop(const OpContext& ctx) override;
  ServerProcessState State() override;
  Status Find() override;
  Status Resume() override;

 private:
  struct Process {
    pid_t pid = 0;
    UniqueFd fd;
    bool leads_session = false;  // then its group is its own and goes with it
  };
  using Clock = std::chrono::steady_clock;

  using Events = std::vector<ServerEvent>;

  void Watch();
  void Wake() const;

  // These expect the lock.
  Status StartThread();
  void OnEnded(Events& events);
  void Restart(Events& events);
  void PlanRestart(Events& events);
  Status Save(pid_t pid) const;
  Status Spawn();
  Result<UniqueFd> OpenLog() const;
  bool Adopt(const ServerRecord& record);
  std::optional<ServerRecord> FindByPidFile() const;
  bool WaitForEnd(std::unique_lock<std::mutex>& lock, std::stop_token stop, Deadline deadline);
  Status KillForGood(std::unique_lock<std::mutex>& lock);

  const Options options_;

  std::mutex control_;  // one of Start, Stop, Find, Resume at a time; taken before mutex_
  std::mutex mutex_;    // of all below
  std::condition_variable_any changed_;
  std::optional<Process> process_;
  bool should_run_ = false;
  bool gave_up_ = false;
  bool quit_ = false;
  std::uint32_t restarts_ = 0;
  std::string last_exit_;
  std::deque<Clock::time_point> recent_restarts_;
  std::optional<Clock::time_point> restart_at_;
  UniqueFd wake_;
  std::thread thread_;
};

}  // namespace dbagent::os
