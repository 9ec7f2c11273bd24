#include "agent/config/given_credentials.h"

namespace dbagent::config {

void GivenCredentials::Renew(StoreCredentials values) {
  {
    const std::lock_guard lock(mutex_);
    values_ = std::move(values);
    ++renewals_;
  }
  changed_.notify_all();
}

StoreCredentials GivenCredentials::Read() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

std::uint64_t GivenCredentials::renewals() const {
  const std::lock_guard lock(mutex_);
  return renewals_;
}

bool GivenCredentials::WaitForRenewal(const OpContext& ctx, std::uint64_t seen,
                                      std::chrono::milliseconds span) {
  std::unique_lock lock(mutex_);
  if (renewals_ != seen) return true;
  if (!waiting_ || ctx.operation_id().empty()) return false;
  ctx.Say("credentials refused, waiting for renewed ones");
  changed_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(span),
                    [&] { return renewals_ != seen || !waiting_; });
  if (renewals_ == seen) return false;
  ctx.Say("the credentials were renewed");
  return true;
}

void GivenCredentials::EndWaiting() {
  {
    const std::lock_guard lock(mutex_);
    waiting_ = false;
  }
  changed_.notify_all();
}

}  // namespace dbagent::config
