#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent {

// How many bytes a second may pass; 0: as many as come. It can be changed while somebody waits.
// Threads: any; those that wait share the rate.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second = 0) : rate_(bytes_per_second) {}

  void Set(std::uint64_t bytes_per_second);
  std::uint64_t bytes_per_second() const;
  // Waits until what passed before has been paid for, or ctx ends; then `bytes` have passed.
  Status Pass(const OpContext& ctx, std::uint64_t bytes);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t rate_;
  SteadyTime paid_;  // when everything that passed has been paid for
};

}  // namespace dbagent
