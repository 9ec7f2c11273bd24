#pragma once

#include "agent/backup/read_flow.h"
#include "agent/backup/repository.h"

namespace dbagent::backup {

// Reads a whole backup: its manifest, every index against it, every chunk against its index, each
// hashed and decompressed to nowhere by one of several threads. Answers what it found; bad objects
// are no error here. BACKUP_NOT_FOUND, BACKUP_FORMAT_UNKNOWN, KEY_MISSING, KEY_WRONG, what a store
// that cannot be reached answers, and those of a context that stopped. Progress: stored bytes.
Result<internal::Verification> Verify(const OpContext& ctx, ReadFlow& flow, const KeyRing& ring,
                                      const std::string& instance, const std::string& backup);

// What was found, as an error: BACKUP_CORRUPT that names the first bad objects and how many there
// are; of a restore also BACKUP_DAMAGED, with the first damaged places, and BACKUP_UNRESTORABLE. OK
// when all was well.
Status ToStatus(const internal::Verification& verification, const std::string& backup);

}  // namespace dbagent::backup
