#include "agent/operations/progress_meter.h"

#include <algorithm>

#include "agent/base/redact.h"

namespace dbagent::operations {

void ProgressMeter::BeginStep(std::string_view name, double weight) {
  {
    const std::lock_guard lock(mutex_);
    done_weight_ += step_weight_;
    step_weight_ = weight;
    progress_.step = name;
    progress_.bytes_done = progress_.bytes_total = 0;
    progress_.bytes_per_second = 0;
    progress_.percent = std::max(progress_.percent, std::min(done_weight_, 100.0));
    window_start_ = std::chrono::steady_clock::now();
    window_bytes_ = 0;
  }
  changed_();
}

void ProgressMeter::SetTotalBytes(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  progress_.bytes_total = bytes;
}

void ProgressMeter::AddBytes(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = std::chrono::steady_clock::now();
    progress_.bytes_done += bytes;
    window_bytes_ += bytes;
    const double window = std::chrono::duration<double>(now - window_start_).count();
    if (window >= 1.0) {  // the rate of the last second or so
      progress_.bytes_per_second = static_cast<double>(window_bytes_) / window;
      window_start_ = now;
      window_bytes_ = 0;
    }
    if (progress_.bytes_total > 0) {
      const double share = std::min(1.0, static_cast<double>(progress_.bytes_done) /
                                             static_cast<double>(progress_.bytes_total));
      progress_.percent =
          std::max(progress_.percent, std::min(done_weight_ + step_weight_ * share, 100.0));
    }
    if (now - last_told_ < std::chrono::milliseconds(250)) return;
    last_told_ = now;
  }
  changed_();
}

void ProgressMeter::Say(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    progress_.line = Redact(line);
  }
  changed_();
}

// Told with the next bytes: stages change with every one.
void ProgressMeter::ShowStages(std::vector<StageFigures> stages) {
  const std::lock_guard lock(mutex_);
  progress_.stages = std::move(stages);
}

Progress ProgressMeter::Read() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

}  // namespace dbagent::operations
