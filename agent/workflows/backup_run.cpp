#include "agent/workflows/backup_run.h"

#include <algorithm>

#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

// A plan is written whole each time: that of thousands of databases only now and then.
constexpr int kStreamsSavedAtOnce = 100;
constexpr std::chrono::seconds kSaveEvery{5};

}  // namespace

Status BackupProgress::Save(const std::function<void(internal::BackupPlan&)>& change) {
  const std::lock_guard lock(mutex_);
  change(plan_);
  saved_ = std::chrono::steady_clock::now();
  return running_.SavePlan(Serialise(plan_));
}

const internal::Stream* BackupProgress::FinishedEarlier(const std::string& stream) const {
  const auto& streams = earlier_.streams();
  const auto found = std::find_if(streams.begin(), streams.end(),
                                  [&](const auto& finished) { return finished.name() == stream; });
  return found == streams.end() ? nullptr : &*found;
}

Status BackupProgress::Finished(const internal::Stream& stream) {
  const std::lock_guard lock(mutex_);
  *plan_.mutable_manifest()->add_streams() = stream;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (plan_.manifest().streams_size() > kStreamsSavedAtOnce && now < saved_ + kSaveEvery)
    return Ok();
  saved_ = now;
  return running_.SavePlan(Serialise(plan_));
}

}  // namespace dbagent::workflows
