#include "agent/operations/lock_table.h"

#include <algorithm>

namespace dbagent::operations {
namespace {

bool Excludes(LockMode a, LockMode b) {
  if (a == LockMode::kNone || b == LockMode::kNone) return false;
  return a == LockMode::kExclusive || b == LockMode::kExclusive;
}

bool Meet(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto has = [](const std::vector<std::string>& set, const std::string& name) {
    return std::find(set.begin(), set.end(), name) != set.end();
  };
  if ((has(a, "*") && !b.empty()) || (has(b, "*") && !a.empty())) return true;
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return has(b, name); });
}

}  // namespace

Status LockTable::Acquire(const std::string& operation_id, const Kind& kind,
                          const std::vector<std::string>& targets) {
  for (const auto& [holder, held] : held_) {
    if (holder == operation_id) continue;
    const Kind& other = *held.kind;
    const bool conflict =
        Excludes(kind.instance, other.instance) || (kind.scratch && other.scratch) ||
        (kind.area == other.area && Excludes(kind.area_mode, other.area_mode)) ||
        (kind.target_space == other.target_space && Excludes(kind.target_mode, other.target_mode) &&
         Meet(targets, held.targets));
    if (!conflict) continue;
    return Error(Code::kAborted, "LOCK_HELD",
                 "unable to begin '{}': operation '{}' ({}) is running", kind.name, holder,
                 other.name)
        .WithField("operation", holder)
        .WithField("kind", std::string(other.name))
        .WithHint("wait for it (`dbagentctl operation watch " + holder +
                  "`), or cancel it, then repeat the call")
        .AsRetryable();
  }
  Hold(operation_id, kind, targets);
  return Ok();
}

void LockTable::Hold(const std::string& operation_id, const Kind& kind,
                     const std::vector<std::string>& targets) {
  held_[operation_id] = {&kind, targets};
}

void LockTable::Release(const std::string& operation_id) {
  held_.erase(operation_id);
}

}  // namespace dbagent::operations
