#pragma once

#include <string>
#include <vector>

#include "agent/backup/repository.h"
#include "agent/base/ids.h"

namespace dbagent::backup {

struct SweptFolder {
  std::string backup;
  Removed removed;
};

struct SweepReport {
  std::vector<SweptFolder> removed;
  // Without a manifest and left as they are for now: in progress, or found for the first time.
  std::vector<std::string> waiting;
  // What could not be looked at or removed, and why; the sweep went on with the others.
  std::vector<std::pair<std::string, std::string>> failed;
  std::uint64_t bytes() const;
};

// Removes what backups that never got their manifest left (README.md, "The sweep"). The listing
// only finds folders; what is removed is what its own objects say was abandoned. Harmless when
// several run at once, or are cut at any point. An error: the instance's folder could not be
// listed, or ctx stopped.
Result<SweepReport> Sweep(const OpContext& ctx, storage::ObjectStore& store,
                          const std::string& instance, WallTime now);

}  // namespace dbagent::backup
