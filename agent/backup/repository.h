#pragma once

#include <string>
#include <vector>

#include "agent/storage/object_store.h"
#include "dbagent/internal/backup.pb.h"

namespace dbagent::backup {

// One instance's backups on a store (README.md describes what lies there). Threads: any.
class Repository {
 public:
  Repository(storage::ObjectStore& store, std::string instance)
      : store_(store), instance_(std::move(instance)) {}

  std::string Folder(const std::string& backup) const;
  // Writes a stream's indexes and fills in what the manifest says of its chunks.
  Status WriteIndexes(const OpContext& ctx, const std::string& backup, std::uint64_t number,
                      const std::vector<internal::Chunk>& chunks, internal::Stream& stream);
  // The last step of a backup: from then on it exists.
  Status WriteManifest(const OpContext& ctx, const internal::Manifest& manifest);

  // BACKUP_NOT_FOUND; BACKUP_CORRUPT; BACKUP_FORMAT_UNKNOWN (of a newer agent).
  Result<internal::Manifest> ReadManifest(const OpContext& ctx, const std::string& backup);
  // All chunks of a stream, their count and bytes held against the manifest.
  Result<std::vector<internal::Chunk>> ReadIndexes(const OpContext& ctx, const std::string& backup,
                                                   const internal::Stream& stream);
  Result<bool> Exists(const OpContext& ctx, const std::string& backup);
  // Ids of backups that have a manifest, newest first.
  Result<std::vector<std::string>> List(const OpContext& ctx);
  // The manifest first, so that what is left of a removal that was cut off is no backup; then the
  // rest. For a backup that was never finished too. Nothing there is fine.
  Status Remove(const OpContext& ctx, const std::string& backup);

 private:
  Status RemoveBelow(const OpContext& ctx, const std::string& folder);

  storage::ObjectStore& store_;
  const std::string instance_;
};

}  // namespace dbagent::backup
