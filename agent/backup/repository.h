#pragma once

#include <string>
#include <vector>

#include "agent/backup/key_ring.h"
#include "agent/storage/object_store.h"
#include "dbagent/internal/backup.pb.h"
#include "dbagent/internal/upkeep.pb.h"

namespace dbagent::backup {

class Lease;

struct Removed {
  std::uint64_t objects = 0, bytes = 0;
};

// A backup whose data can be read.
struct OpenedBackup {
  internal::Manifest manifest;
  std::optional<BackupCipher> cipher;
};

// One instance's backups on a store (README.md describes what lies there). Threads: any.
class Repository {
 public:
  Repository(storage::ObjectStore& store, std::string instance)
      : store_(store), instance_(std::move(instance)) {}

  std::string Folder(const std::string& backup) const;
  // The last step of a backup: from then on it exists. BACKUP_LEASE_LOST: it does not, since others
  // may have begun to remove it; remove it then.
  Status Publish(const OpContext& ctx, Lease& lease, const internal::Manifest& manifest,
                 const std::optional<BackupCipher>& cipher);
  Status WriteManifest(const OpContext& ctx, const internal::Manifest& manifest,
                       const std::optional<BackupCipher>& cipher);

  // For what uses the backup's data: the manifest authenticated, the data key unwrapped. As
  // ReadManifest, and KEY_MISSING, KEY_WRONG.
  Result<OpenedBackup> Open(const OpContext& ctx, const std::string& backup, const KeyRing& ring);
  // Needs no key, and so does not tell a forged manifest from a true one. BACKUP_NOT_FOUND;
  // BACKUP_CORRUPT; BACKUP_FORMAT_UNKNOWN (of a newer agent).
  Result<internal::Manifest> ReadManifest(const OpContext& ctx, const std::string& backup);
  Result<std::vector<internal::Chunk>> ReadIndex(const OpContext& ctx, const std::string& backup,
                                                 const internal::IndexRef& ref);
  Result<bool> Exists(const OpContext& ctx, const std::string& backup);
  // Ids of backups that have a manifest, or one that the store cannot give; newest first.
  Result<std::vector<std::string>> List(const OpContext& ctx);
  // Ids of all that lies there, finished or not, oldest first.
  Result<std::vector<std::string>> Folders(const OpContext& ctx);
  // Whether it exists and nobody has begun to remove it.
  Result<bool> IsWhole(const OpContext& ctx, const std::string& backup);
  // `in-progress` of a backup that is there.
  Status RemoveMarker(const OpContext& ctx, const std::string& backup);
  // Marks it as being deleted, then the manifest first, so that what is left of a removal that was
  // cut off is no backup; then the rest, the markers last. For a backup that was never finished
  // too. Nothing there is fine; what is repeated ends the same.
  Result<Removed> Remove(const OpContext& ctx, const std::string& backup);

  // Chunks and indexes of attempts that the manifest does not name; of a backup in progress, whose
  // earlier life may have left some. What the listing does not show yet stays, and goes with the
  // backup.
  Result<Removed> RemoveOtherAttempts(const OpContext& ctx, const internal::Manifest& manifest);

  // Kept beside the backup; only the newest few are.
  Status WriteVerification(const OpContext& ctx, const std::string& backup,
                           const internal::Verification& verification);
  // The newest; nothing when there is none.
  Result<std::optional<internal::Verification>> LastVerification(const OpContext& ctx,
                                                                 const std::string& backup);

 private:
  struct ManifestText {
    std::string json, seal;  // the line of an encrypted one
  };
  Result<ManifestText> ReadText(const OpContext& ctx, const std::string& backup);
  Result<internal::Manifest> Parse(const ManifestText& text, const std::string& backup);
  Status RemoveBelow(const OpContext& ctx, const std::string& folder, Removed& removed);
  Result<std::vector<std::string>> Verifications(const OpContext& ctx, const std::string& backup);

  storage::ObjectStore& store_;
  const std::string instance_;
};

}  // namespace dbagent::backup
