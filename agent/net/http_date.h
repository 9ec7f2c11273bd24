#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace dbagent::net {

// A date as HTTP headers have it (RFC 9110, 5.6.7); nothing when it is none.
std::optional<std::chrono::system_clock::time_point> ParseHttpDate(std::string_view text);

}  // namespace dbagent::net
