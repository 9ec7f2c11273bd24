#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "agent/base/op_context.h"

namespace dbagent::storage {

struct RetryPolicy {
  unsigned attempts = 20;                     // of one request, the first included
  std::chrono::milliseconds budget{300'000};  // from the first attempt's begin to the last one's
  std::chrono::milliseconds first{250};       // longest wait after the first attempt; then doubled
  std::chrono::milliseconds cap{30'000};      // … up to here
};

// The attempts of one request. A wait is random between nothing and a bound that doubles (full
// jitter), so that many clients do not come back together; longer when the server says so.
class Retries {
 public:
  explicit Retries(const RetryPolicy& policy);

  // Waits until the next attempt. The problem itself (with how often and how long it was tried)
  // when there is none: attempts or budget are used up, or ctx would end before. A stop is heard at
  // once, and is the answer then.
  Status Wait(const OpContext& ctx, Status problem,
              std::optional<std::chrono::milliseconds> server_says = std::nullopt);

 private:
  const RetryPolicy policy_;
  const SteadyTime begun_;
  unsigned made_ = 0;
};

// Of a Retry-After header: seconds, or a date (RFC 9110, 10.2.3); nothing when it is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value);

}  // namespace dbagent::storage
