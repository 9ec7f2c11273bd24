#include "agent/base/parallel.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace dbagent {

Status ForEachParallel(const OpContext& ctx, std::size_t count, std::size_t at_a_time,
                       const std::function<Status(const OpContext&, std::size_t)>& work) {
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext inner = ctx.WithStop(stop);
  const std::stop_callback pass_on(ctx.stop(), [&] { stop->RequestStop(ctx.stop_reason()); });
  std::mutex mutex;
  std::size_t next = 0;
  Status first_error = Ok();
  const auto run = [&] {
    for (;;) {
      std::size_t index = 0;
      {
        const std::lock_guard lock(mutex);
        if (next == count) return;
        index = next++;
      }
      Status outcome = work(inner, index);
      if (outcome.ok()) continue;
      const std::lock_guard lock(mutex);
      next = count;
      if (first_error.ok()) {
        first_error = std::move(outcome);
      } else {
        outcome.Ignore("an earlier error stopped it");
      }
      stop->RequestStop(StopReason::kCancelled);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(std::max<std::size_t>(at_a_time, 1), count); ++i)
    threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  if (first_error.ok()) return ctx.Poll();
  return first_error;
}

}  // namespace dbagent
