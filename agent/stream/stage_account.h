#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "agent/base/op_context.h"
#include "agent/telemetry/instruments.h"

namespace dbagent::stream {

// What one stage of one pipeline has done, kept for the operation's report and added to the
// process's metrics as it goes. Threads: any.
class StageAccount {
 public:
  StageAccount(std::string name, unsigned threads);

  // Bytes go in; they (or the stage itself, where it pulls) had waited so long.
  void Take(std::uint64_t bytes, std::chrono::nanoseconds waited);
  void Worked(std::chrono::nanoseconds busy);
  StageFigures figures() const;

 private:
  mutable std::mutex mutex_;
  StageFigures figures_;
  telemetry::Counter::Cell bytes_, busy_, waited_;
};

}  // namespace dbagent::stream
