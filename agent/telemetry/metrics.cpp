#include "agent/telemetry/metrics.h"

#include "agent/os/own_process.h"

namespace dbagent::telemetry {
namespace {

Metrics& Make() {
  // never destroyed: threads may count until the process ends
  auto* const made = new Metrics();
  made->build_info.Set(1, {DBAGENT_VERSION});
  made->process_start.Set(os::StartTimeSeconds());
  static const std::shared_ptr<void> hook = OnScrape([made] {
    made->process_memory.Set(static_cast<double>(os::ResidentBytes()));
    made->process_fds.Set(static_cast<double>(os::OpenDescriptors()));
  });
  return *made;
}

}  // namespace

Metrics& metrics() {
  static Metrics& all = Make();
  return all;
}

}  // namespace dbagent::telemetry
