#pragma once

#include <cstddef>
#include <functional>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent {

// Runs work(ctx, 0) … work(ctx, count - 1), at most `at_a_time` (at least 1) at once in threads of
// its own, begun in order. The first error, or a stop of `ctx`, stops the others; the answer is
// that error. Returns when all have ended.
Status ForEachParallel(const OpContext& ctx, std::size_t count, std::size_t at_a_time,
                       const std::function<Status(const OpContext&, std::size_t)>& work);

}  // namespace dbagent
