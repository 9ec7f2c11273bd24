#pragma once

#include <condition_variable>
#include <mutex>

#include "agent/base/op_context.h"

namespace dbagent {

// Between two looks at something; ends early when ctx stops or runs out.
inline void Pause(const OpContext& ctx, std::chrono::milliseconds span) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(span), [] { return false; });
}

}  // namespace dbagent
