#include "agent/base/op_context.h"

#include <algorithm>

namespace dbagent {

Deadline Deadline::After(std::chrono::milliseconds span) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (span >= std::chrono::duration_cast<std::chrono::milliseconds>(SteadyTime::max() - now))
    return Never();
  return Deadline(now + span);
}

std::chrono::milliseconds Deadline::Remaining(std::chrono::milliseconds cap) const {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (time_ <= now) return std::chrono::milliseconds(0);
  // rounded up, so that a loop that sleeps for what remains does not spin at the end
  return std::min(cap, std::chrono::ceil<std::chrono::milliseconds>(
                           std::min(time_ - now, SteadyTime::duration(cap))));
}

bool StopSwitch::RequestStop(StopReason reason) {
  StopReason none = StopReason::kNone;
  if (!reason_.compare_exchange_strong(none, reason)) return false;
  return source_.request_stop();
}

Status OpContext::Poll() const {
  if (stop_ && stop_->token().stop_requested()) {
    if (stop_->reason() == StopReason::kShutdown) {
      return Error(Code::kUnavailable, "AGENT_STOPPING", "the agent is stopping").AsRetryable();
    }
    return Error(Code::kCancelled, "CANCELLED", "cancelled on request");
  }
  if (deadline_.expired())
    return Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "out of time");
  return Ok();
}

OpContext OpContext::WithBudget(std::chrono::milliseconds span) const {
  OpContext child = *this;
  child.deadline_ = Deadline::At(std::min(deadline_.time(), Deadline::After(span).time()));
  return child;
}

OpContext OpContext::WithStop(std::shared_ptr<StopSwitch> stop) const {
  return OpContext(std::move(stop), deadline_, operation_id_, progress_);
}

OpContext OpContext::ForCleanup(std::chrono::milliseconds span) const {
  return OpContext(nullptr, Deadline::After(span), operation_id_, progress_);
}

}  // namespace dbagent
