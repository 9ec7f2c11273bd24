#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {

// The largest resident memory of the agent, and of the agent with the tools that it runs, seen
// while it lives; the server is not counted.
class MemoryWatch {
 public:
  explicit MemoryWatch(AgentProcess& agent);
  ~MemoryWatch() { Stop(); }
  std::string Stop();

 private:
  void Look();

  const std::string agent_;
  std::atomic<bool> stop_ = false;
  double own_ = 0, all_ = 0;
  std::thread thread_;
};

}  // namespace dbagent::tests
