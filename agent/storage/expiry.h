#pragma once

#include <optional>
#include <string>

#include "agent/base/op_context.h"

namespace dbagent::storage {

// `2026-11-27T15:30:00Z`, with or without a fraction of a second (ISO 8601, UTC), as a time of the
// steady clock, at most a year ahead. Nothing when it is no such text.
std::optional<SteadyTime> ParseExpiry(const std::string& text);

}  // namespace dbagent::storage
