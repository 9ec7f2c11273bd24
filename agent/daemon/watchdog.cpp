#include "agent/daemon/watchdog.h"

#include <systemd/sd-daemon.h>

#include "agent/telemetry/log.h"

namespace dbagent::daemon {

using Clock = std::chrono::steady_clock;

Watchdog::Watchdog(boost::asio::io_context& io, Agent& agent)
    : agent_(agent), timer_(io), rpc_(std::make_shared<Pulse>()) {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return;
  limit_ = std::chrono::microseconds(microseconds / 2);
  rpc_->answered = Clock::now();
  Tick();
}

std::string Watchdog::Stuck() {
  const Clock::time_point now = Clock::now();
  if (now - agent_.monitor().LastLook() > limit_) return "the monitor of the database server";
  if (now - rpc_->answered.load() > limit_) return "gRPC";
  agent_.TouchOperations();  // waits for a lock that is never held long
  return {};
}

void Watchdog::Tick() {
  if (!rpc_->asked.exchange(true)) {
    agent_.server().Ping([rpc = rpc_] {
      rpc->answered = Clock::now();
      rpc->asked = false;
    });
  }
  const std::string stuck = Stuck();
  if (stuck.empty()) {
    sd_notify(0, "WATCHDOG=1");
    told_ = false;
  } else if (!told_) {
    told_ = true;
    telemetry::Log(telemetry::Level::kError, "agent.stuck",
                   stuck + " does not get on; without it systemd ends and restarts the agent");
  }
  Schedule();
}

void Watchdog::Schedule() {
  timer_.expires_after(std::chrono::duration_cast<Clock::duration>(limit_ / 4));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

}  // namespace dbagent::daemon
