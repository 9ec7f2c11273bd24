#pragma once

#include <memory>
#include <mutex>

#include "agent/config/settings.h"

namespace dbagent::config {

// The settings of a running agent, which can be read again (SIGHUP). Taken over at once, by whoever
// asks for them the next time: peers, roles, request_targets, backup, log and, of limits,
// calls_at_once and call_timeout. The rest is as it was at the start. Threads: any.
class LiveSettings {
 public:
  explicit LiveSettings(Settings at_start)
      : current_(std::make_shared<const Settings>(std::move(at_start))) {}

  std::shared_ptr<const Settings> Get() const;
  // All or nothing. RESTART_NEEDED (FAILED_PRECONDITION), with what cannot change meanwhile.
  Status Replace(Settings settings);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> current_;
};

}  // namespace dbagent::config
