#include "agent/net/http_date.h"

#include <curl/curl.h>

#include <string>

namespace dbagent::net {

std::optional<std::chrono::system_clock::time_point> ParseHttpDate(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  constexpr time_t kLast = 9'000'000'000;  // in 2255; the clock's own count ends soon after
  if (seconds == -1 || seconds > kLast) return std::nullopt;
  return std::chrono::system_clock::from_time_t(seconds);
}

}  // namespace dbagent::net
