#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "agent/daemon/agent.h"

namespace dbagent::daemon {

// Feeds systemd's watchdog (WatchdogSec= of the unit, sd_watchdog_enabled(3)) as long as the
// agent's loops get on: this one, on which it runs; the monitor's, which looks at the server;
// gRPC's, which answers a health question; and the operations engine, whose lock it takes. What is
// stuck is logged once, and systemd then ends the agent and starts it again. The database server is
// not touched.
class Watchdog {
 public:
  Watchdog(boost::asio::io_context& io, Agent& agent);

 private:
  // What does not get on; empty: all does.
  std::string Stuck();
  void Tick();
  void Schedule();

  // gRPC's threads may answer after this is gone.
  struct Pulse {
    std::atomic<std::chrono::steady_clock::time_point> answered;
    std::atomic<bool> asked = false;
  };

  Agent& agent_;
  boost::asio::steady_timer timer_;
  std::chrono::microseconds limit_{0};  // 0: nobody watches
  std::shared_ptr<Pulse> rpc_;
  bool told_ = false;
};

}  // namespace dbagent::daemon
