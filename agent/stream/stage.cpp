#include "agent/stream/stage.h"

#include "agent/os/priority.h"

namespace dbagent::stream {
namespace {
constexpr int kPoliteNice = 19;
}

Stage::Stage(std::string name, unsigned threads, bool polite) : account_(std::move(name), threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this, polite] { Run(polite); });
}

Stage::~Stage() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Stage::Submit(std::uint64_t bytes, Work work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({bytes, std::chrono::steady_clock::now(), std::move(work)});
  }
  wake_.notify_one();
}

std::size_t Stage::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Stage::Run(bool polite) {
  if (polite) os::YieldToOthers(kPoliteNice);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (ending_) return;
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    const SteadyTime begun = std::chrono::steady_clock::now();
    lock.unlock();
    account_.Take(job.bytes,
                  begun - job.since);  // before the work: who waits for its end sees them
    job.work();
    account_.Worked(std::chrono::steady_clock::now() - begun);
    lock.lock();
  }
}

}  // namespace dbagent::stream
