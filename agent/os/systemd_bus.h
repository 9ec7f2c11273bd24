#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/result.h"

struct sd_bus;

namespace dbagent::os {

// What PID 1 says of a unit; the properties of org.freedesktop.systemd1.Unit and .Service
// (org.freedesktop.systemd1(5)).
struct UnitFacts {
  std::string load_state;    // `loaded`, `not-found`, `masked`, `bad-setting`
  std::string active_state;  // `active`, `reloading`, `inactive`, `failed`, `activating`, …
  std::string sub_state;  // `running`, `start`, `start-post`, `auto-restart`, `stop-sigterm`, …
  std::string result;     // of a service: `success`, `exit-code`, `signal`, `watchdog`, …
  std::uint32_t main_pid = 0;
  std::int32_t exit_kind = 0, exit_status = 0;  // of the main process's end: CLD_EXITED, CLD_KILLED
  std::uint32_t restarts = 0;
  std::uint32_t job = 0;  // 0: none is waiting or runs
  bool condition_held = true;
};

// A connection to PID 1, for one call after the other. Threads: one at a time. It is made anew
// after an error of the transport. SYSTEMD_UNAVAILABLE; of a job: UNIT_NOT_FOUND, UNIT_MASKED,
// UNIT_REFUSED.
class SystemdBus {
 public:
  ~SystemdBus();

  Result<UnitFacts> Look(const std::string& unit);
  Status Start(const std::string& unit);  // queues a job, as the next
  Status Stop(const std::string& unit);
  Status ResetFailed(const std::string& unit);
  Status Kill(const std::string& unit, int signal);  // every process of it; none is fine

 private:
  Status Connect();
  Status Call(const char* method, const std::string& unit, const char* mode);

  sd_bus* bus_ = nullptr;
};

}  // namespace dbagent::os
