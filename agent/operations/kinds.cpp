#include "agent/operations/kinds.h"

#include <algorithm>

namespace dbagent::operations {
namespace {
constexpr LockMode kNone = LockMode::kNone;
constexpr LockMode kShared = LockMode::kShared;
constexpr LockMode kExclusive = LockMode::kExclusive;

// A backup and a restore share the area `backups`: both stream at full speed, and one at a time is
// what a small machine bears. A restore holds its backup's name by the area as well: a delete needs
// the area too. A verification only reads: it keeps nothing away but its own backup's deletion. A
// sweep takes the area, so that it never looks at what a backup of this agent is writing.
constexpr Kind kKinds[] = {
    // name                instance    area       area_mode   target_space target_mode cancellable
    {"instance.prepare", kExclusive, "", kNone, "", kNone, true},
    {"instance.start", kExclusive, "", kNone, "", kNone, true},
    {"instance.stop", kExclusive, "", kNone, "", kNone, false},
    {"instance.restart", kExclusive, "", kNone, "", kNone, false},
    {"database.create", kShared, "", kNone, "database", kExclusive, false},
    {"database.update", kShared, "", kNone, "database", kExclusive, false},
    {"database.delete", kShared, "", kNone, "database", kExclusive, false},
    {"user.create", kShared, "", kNone, "user", kExclusive, false},
    {"user.update", kShared, "", kNone, "user", kExclusive, false},
    {"user.delete", kShared, "", kNone, "user", kExclusive, false},
    {"user.grant", kShared, "", kNone, "user", kExclusive, false},
    {"user.revoke", kShared, "", kNone, "user", kExclusive, false},
    {"user.enable_root", kShared, "", kNone, "user", kExclusive, false},
    {"user.disable_root", kShared, "", kNone, "user", kExclusive, false},
    {"backup.create", kShared, "backups", kExclusive, "database", kShared, true, true},
    // its last part is a verification by restore
    {"backup.create_verified", kShared, "backups", kExclusive, "database", kShared, true, true,
     true},
    {"backup.restore", kShared, "backups", kExclusive, "database", kExclusive, true, true},
    {"backup.restore_users", kExclusive, "backups", kExclusive, "", kNone, true, true},
    {"backup.restore_server", kExclusive, "backups", kExclusive, "", kNone, true, true},
    {"backup.delete", kNone, "backups", kExclusive, "backup", kExclusive, false},
    {"backup.verify", kNone, "", kNone, "backup", kShared, true, true},
    {"backup.verify_restore", kNone, "", kNone, "backup", kShared, true, true, true},
    // one change of the configuration at a time; what needs no restart goes beside a backup
    {"configuration.apply", kShared, "configuration", kExclusive, "", kNone, false},
    {"configuration.apply_restart", kExclusive, "configuration", kExclusive, "", kNone, false},
    {"configuration.settle", kExclusive, "configuration", kExclusive, "", kNone, false},
    {"keys.rotate", kNone, "backups", kExclusive, "", kNone, true},
    {"backup.sweep", kNone, "backups", kExclusive, "", kNone, true},
};
}  // namespace

std::span<const Kind> AllKinds() {
  return kKinds;
}

const Kind* FindKind(std::string_view name) {
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const Kind& kind) { return kind.name == name; });
  return found == std::end(kKinds) ? nullptr : found;
}

}  // namespace dbagent::operations
