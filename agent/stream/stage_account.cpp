#include "agent/stream/stage_account.h"

#include "agent/telemetry/metrics.h"

namespace dbagent::stream {
namespace {

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

StageAccount::StageAccount(std::string name, unsigned threads)
    : bytes_(telemetry::metrics().stage_bytes.Of({name})),
      busy_(telemetry::metrics().stage_busy.Of({name})),
      waited_(telemetry::metrics().stage_waited.Of({name})) {
  figures_.name = std::move(name);
  figures_.threads = threads;
}

void StageAccount::Take(std::uint64_t bytes, std::chrono::nanoseconds waited) {
  bytes_.Add(static_cast<double>(bytes));
  waited_.Add(Seconds(waited));
  const std::lock_guard lock(mutex_);
  figures_.bytes += bytes;
  figures_.waited += waited;
}

void StageAccount::Worked(std::chrono::nanoseconds busy) {
  busy_.Add(Seconds(busy));
  const std::lock_guard lock(mutex_);
  figures_.busy += busy;
}

StageFigures StageAccount::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace dbagent::stream
