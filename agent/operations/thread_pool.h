#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/base/status.h"

namespace dbagent::operations {

// A fixed number of threads and a bounded queue, for calls that block (SQL, the journal).
// Destroying it runs what is queued and joins.
class ThreadPool {
 public:
  ThreadPool(std::size_t threads, std::size_t queue_limit);
  ~ThreadPool();
  // RESOURCE_EXHAUSTED TOO_BUSY when the queue is full; UNAVAILABLE AGENT_STOPPING after the end
  // began.
  Status Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  const std::size_t queue_limit_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace dbagent::operations
