#pragma once

#include "agent/base/rate_limit.h"
#include "agent/operations/kinds.h"
#include "agent/operations/operations.h"
#include "agent/operations/progress_meter.h"

namespace dbagent::operations {

// An operation that has not ended.
struct Operations::Live {
  Record record;  // guarded by Operations::mutex_ once others can see it
  const Kind* kind = nullptr;
  std::shared_ptr<StopSwitch> stop = std::make_shared<StopSwitch>();
  std::unique_ptr<ProgressMeter> progress;
  Deadline deadline = Deadline::Never();
  RateLimit rate;
  // what its body said of its end; of the body's thread
  enum class Ending : std::uint8_t { kAsItIs, kOrphaned, kForRecovery } ending = Ending::kAsItIs;
  Body goes_on;
};

}  // namespace dbagent::operations
