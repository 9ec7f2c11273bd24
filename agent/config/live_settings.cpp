#include "agent/config/live_settings.h"

namespace dbagent::config {

std::shared_ptr<const Settings> LiveSettings::Get() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Status LiveSettings::Replace(Settings settings) {
  const std::lock_guard lock(mutex_);
  std::string changed;
  for (const auto& [key, text] : settings.fixed) {
    const auto before = current_->fixed.find(key);
    if (before == current_->fixed.end() || before->second != text)
      changed += (changed.empty() ? "" : ", ") + key;
  }
  if (changed.empty()) {
    current_ = std::make_shared<const Settings>(std::move(settings));
    return Ok();
  }
  return Error(Code::kFailedPrecondition, "RESTART_NEEDED",
               "unable to take over the settings: {} cannot change while the agent runs; all is as "
               "it was",
               changed)
      .WithHint(
          "systemctl restart dbagentd (the database server goes on running), or take that "
          "part of the change back");
}

}  // namespace dbagent::config
