#pragma once

#include "agent/operations/operations.h"
#include "dbagent/internal/backup.pb.h"
#include "dbagent/internal/upkeep.pb.h"
#include "dbagent/v1/backup.pb.h"

// What the metrics say of the last backup and the last verification.
namespace dbagent::workflows {

// A backup was made. What is told here is kept as the operation's result, so that the next life of
// the agent still tells when the last one was.
void TellBackupMade(const internal::Manifest& manifest, operations::Running& running);
// Tells what the journal knows of earlier lives. A journal that cannot be read is nobody's matter
// here.
void TellEarlierBackups(operations::Operations& operations);
void TellVerification(const internal::Verification& found, bool well);

}  // namespace dbagent::workflows
