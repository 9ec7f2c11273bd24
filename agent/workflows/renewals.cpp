#include "agent/workflows/renewals.h"

namespace dbagent::workflows {

void Renewals::Remember(const std::string& operation, const Running& running) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [](const auto& entry) { return entry.second.credentials.expired(); });
  running_.insert_or_assign(operation, Entry{running.target, running.credentials});
}

std::optional<Renewals::Running> Renewals::Find(const std::string& operation) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(operation);
  if (found == running_.end()) return std::nullopt;
  Running running{found->second.target, found->second.credentials.lock()};
  if (running.credentials == nullptr) return std::nullopt;
  return running;
}

void Renewals::Bring(const std::string& operation, config::StoreCredentials credentials) {
  const std::lock_guard lock(mutex_);
  brought_.insert_or_assign(operation, std::move(credentials));
}

std::optional<config::StoreCredentials> Renewals::Take(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  auto node = brought_.extract(operation);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

}  // namespace dbagent::workflows
