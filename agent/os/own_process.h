#pragma once

#include <cstdint>

namespace dbagent::os {

// Of this process, from /proc (proc(5)); 0 where that cannot be read. Cheap, never block.
std::uint64_t ResidentBytes();
std::uint64_t OpenDescriptors();
// When it was started, seconds since 1970.
double StartTimeSeconds();

}  // namespace dbagent::os
