#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/stream/stage_account.h"

namespace dbagent::stream {

// One stage of a pipeline: threads that do one kind of work, begun in the order in which it came,
// and the account of it. Work must not throw. Threads: any.
class Stage {
 public:
  using Work = std::function<void()>;
  // Polite threads take the processor and the disk only when nobody else wants them.
  Stage(std::string name, unsigned threads, bool polite);
  // Waits for work that has begun; what has not is dropped.
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Never waits: who submits bounds what is under way (BufferBudget).
  void Submit(std::uint64_t bytes, Work work);
  // How much waits to be begun.
  std::size_t queued() const;
  StageFigures figures() const { return account_.figures(); }

 private:
  struct Job {
    std::uint64_t bytes = 0;
    SteadyTime since;
    Work work;
  };
  void Run(bool polite);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool ending_ = false;
  StageAccount account_;
  std::vector<std::thread> threads_;
};

}  // namespace dbagent::stream
