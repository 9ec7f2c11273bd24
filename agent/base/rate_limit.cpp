#include "agent/base/rate_limit.h"

#include <algorithm>

namespace dbagent {

void RateLimit::Set(std::uint64_t bytes_per_second) {
  {
    const std::lock_guard lock(mutex_);
    rate_ = bytes_per_second;
    paid_ = std::min(paid_, std::chrono::steady_clock::now());  // a debt of the old rate is let go
  }
  changed_.notify_all();
}

std::uint64_t RateLimit::bytes_per_second() const {
  const std::lock_guard lock(mutex_);
  return rate_;
}

Status RateLimit::Pass(const OpContext& ctx, std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    const SteadyTime now = std::chrono::steady_clock::now();
    if (rate_ == 0 || paid_ <= now) {
      if (rate_ == 0) return Ok();
      const std::chrono::duration<double> price(static_cast<double>(bytes) /
                                                static_cast<double>(rate_));
      paid_ = std::max(paid_, now) + std::chrono::duration_cast<SteadyTime::duration>(price);
      return Ok();
    }
    const SteadyTime until = std::min(paid_, ctx.deadline().time());
    const SteadyTime paid = paid_;
    changed_.wait_until(lock, ctx.stop(), until, [&] { return paid_ < paid; });
  }
}

}  // namespace dbagent
