#include "agent/storage/congestion_gate.h"

#include <algorithm>

namespace dbagent::storage {
CongestionGate::CongestionGate(unsigned most) : most_(std::max(1U, most)), window_(most_) {}

Result<CongestionGate::Permit> CongestionGate::Enter(const OpContext& ctx) {
  std::unique_lock lock(mutex_);
  while (inside_ >= static_cast<unsigned>(window_)) {
    RETURN_IF_ERROR(ctx.Poll());
    room_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(std::chrono::seconds(1)),
                   [this] { return inside_ < static_cast<unsigned>(window_); });
  }
  ++inside_;
  return Permit(this, halvings_);
}

void CongestionGate::Leave() {
  {
    const std::lock_guard lock(mutex_);
    --inside_;
  }
  room_.notify_one();
}

void CongestionGate::Permit::WentWell() {
  const std::lock_guard lock(gate_->mutex_);
  gate_->window_ = std::min<double>(gate_->most_, gate_->window_ + 1.0 / gate_->window_);
}

void CongestionGate::Permit::TooMany() {
  const std::lock_guard lock(gate_->mutex_);
  if (halvings_ != gate_->halvings_) return;
  ++gate_->halvings_;
  gate_->window_ = std::max(1.0, gate_->window_ / 2);
}

unsigned CongestionGate::window() const {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(window_);
}

}  // namespace dbagent::storage
