#include "agent/storage/expiry.h"

#include <time.h>

#include <algorithm>

namespace dbagent::storage {

std::optional<SteadyTime> ParseExpiry(const std::string& text) {
  struct tm utc {};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr || (*rest != 'Z' && *rest != '.' && *rest != '+')) return std::nullopt;
  constexpr time_t kYear = 365L * 24 * 3600;
  const time_t left = std::clamp<time_t>(timegm(&utc) - time(nullptr), -kYear, kYear);
  return std::chrono::steady_clock::now() + std::chrono::seconds(left);
}

}  // namespace dbagent::storage
