#include "agent/stream/buffer_budget.h"

namespace dbagent::stream {

void BufferBudget::Share::Release() {
  if (owner_ == nullptr) return;
  {
    const std::lock_guard lock(owner_->mutex_);
    owner_->free_ += bytes_;
  }
  owner_->freed_.notify_all();
  owner_ = nullptr;
}

Result<BufferBudget::Share> BufferBudget::Take(const OpContext& ctx, std::uint64_t bytes) {
  if (bytes > total_) {
    return Error(Code::kResourceExhausted, "BUFFER_TOO_LARGE",
                 "a stream needs a buffer of {} bytes, all streams together have {}", bytes, total_)
        .WithHint("raise limits.stream_buffers in the settings");
  }
  std::unique_lock lock(mutex_);
  while (free_ < bytes) {
    RETURN_IF_ERROR(ctx.Poll());
    const auto until =
        std::chrono::steady_clock::now() + ctx.deadline().Remaining(std::chrono::minutes(1));
    freed_.wait_until(lock, ctx.stop(), until, [&] { return free_ >= bytes; });
  }
  free_ -= bytes;
  return Share(this, bytes);
}

}  // namespace dbagent::stream
