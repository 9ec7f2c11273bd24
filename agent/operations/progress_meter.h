#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <utility>

#include "agent/base/op_context.h"
#include "agent/operations/record.h"

namespace dbagent::operations {

// Turns steps and bytes into a Progress. Weights are shares of 100; percent never goes back.
// `changed` is called at once for a new step or line, and at most four times a second for bytes.
// Threads: any.
class ProgressMeter : public ProgressSink {
 public:
  explicit ProgressMeter(std::function<void()> changed) : changed_(std::move(changed)) {}

  void BeginStep(std::string_view name, double weight) override;
  void SetTotalBytes(std::uint64_t bytes) override;
  void AddBytes(std::uint64_t bytes) override;
  void Say(std::string_view line) override;
  void ShowStages(std::vector<StageFigures> stages) override;
  Progress Read() const;

 private:
  mutable std::mutex mutex_;
  std::function<void()> changed_;
  Progress progress_;
  double done_weight_ = 0, step_weight_ = 0;
  SteadyTime last_told_{};
  SteadyTime window_start_{};
  std::uint64_t window_bytes_ = 0;
};

}  // namespace dbagent::operations
