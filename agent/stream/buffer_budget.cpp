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

void BufferBudget::Share::Shrink(std::uint64_t bytes) {
  if (owner_ == nullptr || bytes >= bytes_) return;
  Share(owner_, bytes_ - bytes).Release();
  bytes_ = bytes;
}

std::uint64_t BufferBudget::used() const {
  const std::lock_guard lock(mutex_);
  return total_ - free_;
}

Result<BufferBudget::Share> BufferBudget::Take(const OpContext& ctx, std::uint64_t bytes) {
  if (bytes > total_) {
    return Error(Code::kResourceExhausted, "BUFFER_TOO_LARGE",
                 "a stream needs a buffer of {} bytes, all streams together have {}", bytes, total_)
        .WithHint("raise limits.stream_buffers in the settings");
  }
  std::unique_lock lock(mutex_);
  // in the order in which they came: many small ones must not starve a large one
  const auto turn = turns_.insert(turns_.end(), 0);
  ++waiting_;
  Status ended = Ok();
  while (ended.ok() && (turn != turns_.begin() || free_ < bytes)) {
    const auto until =
        std::chrono::steady_clock::now() + ctx.deadline().Remaining(std::chrono::minutes(1));
    freed_.wait_until(lock, ctx.stop(), until,
                      [&] { return turn == turns_.begin() && free_ >= bytes; });
    ended = ctx.Poll();
  }
  --waiting_;
  turns_.erase(turn);
  if (ended.ok()) free_ -= bytes;
  lock.unlock();
  freed_.notify_all();
  RETURN_IF_ERROR(std::move(ended));
  return Share(this, bytes);
}

}  // namespace dbagent::stream
