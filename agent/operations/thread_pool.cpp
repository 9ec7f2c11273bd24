#include "agent/operations/thread_pool.h"

#include <utility>

namespace dbagent::operations {

ThreadPool::ThreadPool(std::size_t threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Status ThreadPool::Post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_)
      return Error(Code::kUnavailable, "AGENT_STOPPING", "the agent is stopping").AsRetryable();
    if (queue_.size() >= queue_limit_) {
      return Error(Code::kResourceExhausted, "TOO_BUSY", "{} calls are waiting already",
                   queue_.size())
          .WithHint("repeat the call a little later")
          .AsRetryable();
    }
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return Ok();
}

void ThreadPool::Run() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job();
  }
}

}  // namespace dbagent::operations
