#pragma once

#include <optional>
#include <vector>

#include "agent/os/volume.h"
#include "datastores/settings.h"
#include "dbagent/internal/configuration.pb.h"

namespace dbagent::workflows {

// What the agent keeps of configurations, in <volume>/agent/configuration/ (0600): a file per
// revision, the state, the server's last description of itself. What is written is durable.
// Threads: one at a time for writing; reading at any time sees whole files.
class ConfigurationStore {
 public:
  explicit ConfigurationStore(const os::Volume& volume)
      : directory_(volume.agent() / "configuration") {}

  // CONFIGURATION_MISSING (FAILED_PRECONDITION) on an instance that an older agent prepared.
  Result<internal::ConfigurationState> State() const;
  Status SetState(const internal::ConfigurationState& state) const;

  Result<internal::StoredRevision> Revision(std::uint64_t number) const;  // REVISION_NOT_FOUND
  Status SetRevision(const internal::StoredRevision& revision) const;
  Result<std::vector<std::uint64_t>> Numbers() const;  // ascending
  // Forgets the oldest beyond the newest 100, never these.
  Status Prune(const std::vector<std::uint64_t>& keep) const;

  Result<std::optional<datastore::Description>> Described() const;
  Status SetDescribed(const datastore::Description& description) const;

  // Puts aside what somebody made of a file of the revision; answers where.
  Result<os::Path> KeepEdited(std::uint64_t number, const os::Path& name,
                              const std::string& text) const;

  Status RemoveAll() const;

 private:
  os::Path FileOf(std::uint64_t number) const;

  const os::Path directory_;
};

// As the driver takes and gave them.
datastore::ConfigurationSet SetOf(const internal::StoredRevision& stored);
datastore::RenderedSet FilesOf(const internal::StoredRevision& stored);
void SetFiles(const datastore::RenderedSet& files, internal::StoredRevision& stored);

}  // namespace dbagent::workflows
