#pragma once

#include <cstdint>

#include "agent/base/result.h"

namespace dbagent::os {

// RAM that this process may use: the smaller of the machine's and its cgroup's limit (v1 and v2),
// bytes.
Result<std::uint64_t> UsableMemory();

// Processors that this process may run on (its affinity), at least 1.
std::uint32_t UsableCores();

}  // namespace dbagent::os
