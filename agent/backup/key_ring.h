#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/backup/cipher.h"
#include "agent/base/op_context.h"
#include "agent/storage/object_store.h"
#include "dbagent/internal/backup.pb.h"

namespace dbagent::backup {

// The keys that wrap the backups' data keys, by id; one of them is active: new backups are wrapped
// by it. Without any key backups are not encrypted. A value, not changed once made. Threads: any.
class KeyRing {
 public:
  KeyRing() = default;
  // `active` is one of them.
  KeyRing(std::map<std::string, Secret> keys, std::string active)
      : keys_(std::move(keys)), active_(std::move(active)) {}

  bool empty() const { return keys_.empty(); }
  const std::string& active() const { return active_; }
  std::vector<std::string> ids() const;
  // Tells two keys apart without telling anything of them; 16 hexadecimal digits.
  std::string Fingerprint(const std::string& id) const;

  // The data key, wrapped by the active key.
  internal::KeySlot Wrap(const BackupCipher& cipher, const std::string& instance,
                         const std::string& backup) const;
  // KEY_MISSING (FAILED_PRECONDITION): no such id here; KEY_WRONG: another key bears that id;
  // BACKUP_CORRUPT: the slot was changed.
  Result<BackupCipher> Unwrap(const internal::KeySlot& slot, const std::string& instance,
                              const std::string& backup) const;

 private:
  std::map<std::string, Secret> keys_;
  std::string active_;
};

// A key's file holds 64 hexadecimal digits and nothing else but white space. KEY_INVALID.
Result<Secret> ParseKey(std::string_view text, const std::string& id);

// The slots of a backup on its store, in `<folder>keys/`.
Status WriteKeySlot(const OpContext& ctx, storage::ObjectStore& store, const std::string& folder,
                    const internal::KeySlot& slot);
// By the slot of key `id`. OBJECT_NOT_FOUND; as Unwrap.
Result<BackupCipher> OpenKeySlot(const OpContext& ctx, storage::ObjectStore& store,
                                 const KeyRing& ring, const std::string& id,
                                 const std::string& instance, const std::string& backup);
// The backup's cipher, by whichever slot the ring has a key for. As Unwrap; KEY_MISSING names the
// ids that would do.
Result<BackupCipher> OpenKeySlots(const OpContext& ctx, storage::ObjectStore& store,
                                  const KeyRing& ring, const std::string& instance,
                                  const std::string& backup);
// The ids of its slots, as the store lists them.
Result<std::vector<std::string>> ListKeySlots(const OpContext& ctx, storage::ObjectStore& store,
                                              const std::string& folder);

}  // namespace dbagent::backup
