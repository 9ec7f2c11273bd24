#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/status.h"

namespace dbagent {

using SteadyTime = std::chrono::steady_clock::time_point;

// When work must be over. Measured on the steady clock; no deadline at all is `Deadline::Never()`.
class Deadline {
 public:
  static Deadline Never() { return Deadline(SteadyTime::max()); }
  static Deadline After(std::chrono::milliseconds span);
  static Deadline At(SteadyTime time) { return Deadline(time); }

  bool expired() const { return std::chrono::steady_clock::now() >= time_; }
  bool never() const { return time_ == SteadyTime::max(); }
  SteadyTime time() const { return time_; }
  // What is left, never negative, at most `cap` (poll(2) and friends want a number).
  std::chrono::milliseconds Remaining(std::chrono::milliseconds cap) const;

 private:
  explicit Deadline(SteadyTime time) : time_(time) {}
  SteadyTime time_;
};

enum class StopReason : std::uint8_t { kNone, kCancelled, kShutdown };

// One stop switch: the first RequestStop wins and fixes the reason. Thread safe.
class StopSwitch {
 public:
  bool RequestStop(StopReason reason);
  StopReason reason() const { return reason_.load(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::atomic<StopReason> reason_ = StopReason::kNone;
};

// What one stage of a pipeline did so far.
struct StageFigures {
  std::string name;
  unsigned threads = 0;
  std::uint64_t bytes = 0;             // that went in
  std::chrono::nanoseconds busy{0};    // of all its threads together
  std::chrono::nanoseconds waited{0};  // that work waited for a thread, summed up
};

// Where running work says how far it is. Implementations are thread safe and cheap (they may be
// called per chunk).
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  // A named step begins; `weight` is its share of the whole in any unit the workflow keeps to.
  virtual void BeginStep(std::string_view name, double weight) = 0;
  virtual void SetTotalBytes(std::uint64_t bytes) = 0;  // of the running step; unknown until said
  virtual void AddBytes(std::uint64_t bytes) = 0;
  virtual void Say(std::string_view line) = 0;                    // a line for people
  virtual void ShowStages(std::vector<StageFigures> stages) = 0;  // replaces what was shown
};

// First parameter of everything that can take long: when to stop, how long there is, whose work it
// is, where progress goes. Copyable; a copy with a nearer deadline is how a part gets a budget of
// its own (never beyond its parent's).
//
// Code that loops calls `RETURN_IF_ERROR(ctx.Poll())`; code that blocks registers a
// std::stop_callback on stop().
class OpContext {
 public:
  OpContext() = default;  // never stops, no deadline, no progress: tests and start-up
  OpContext(std::shared_ptr<StopSwitch> stop, Deadline deadline, std::string operation_id,
            ProgressSink* progress)
      : stop_(std::move(stop)),
        deadline_(deadline),
        operation_id_(std::move(operation_id)),
        progress_(progress) {}

  // OK, or CANCELLED / UNAVAILABLE (the agent is stopping) / DEADLINE_EXCEEDED.
  Status Poll() const;
  std::stop_token stop() const { return stop_ ? stop_->token() : std::stop_token(); }
  StopReason stop_reason() const { return stop_ ? stop_->reason() : StopReason::kNone; }
  Deadline deadline() const { return deadline_; }
  const std::string& operation_id() const { return operation_id_; }
  OpContext WithBudget(std::chrono::milliseconds span) const;
  // With another stop switch, deadline and the rest as here.
  OpContext WithStop(std::shared_ptr<StopSwitch> stop) const;
  // For what must still be done after a stop (closing, undoing): same operation, own budget, no
  // stop.
  OpContext ForCleanup(std::chrono::milliseconds span) const;

  void BeginStep(std::string_view name, double weight = 1.0) const {
    if (progress_ != nullptr) progress_->BeginStep(name, weight);
  }
  void SetTotalBytes(std::uint64_t bytes) const {
    if (progress_ != nullptr) progress_->SetTotalBytes(bytes);
  }
  void AddBytes(std::uint64_t bytes) const {
    if (progress_ != nullptr) progress_->AddBytes(bytes);
  }
  void Say(std::string_view line) const {
    if (progress_ != nullptr) progress_->Say(line);
  }
  void ShowStages(std::vector<StageFigures> stages) const {
    if (progress_ != nullptr) progress_->ShowStages(std::move(stages));
  }

 private:
  std::shared_ptr<StopSwitch> stop_;
  Deadline deadline_ = Deadline::Never();
  std::string operation_id_;
  ProgressSink* progress_ = nullptr;
};

}  // namespace dbagent
