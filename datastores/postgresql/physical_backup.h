#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

// By BASE_BACKUP over the socket (base_backup.h), all tablespaces included.
//
// A restored cluster keeps its backup_label and recovers as an archive recovery whose
// restore_command finds nothing, so that it ends with the backup's own log and begins a new
// timeline.
class PostgresPhysicalBackup : public PhysicalBackup {
 public:
  explicit PostgresPhysicalBackup(Server& server) : server_(server) {}

  Result<std::uint64_t> EstimateBytes(const OpContext& ctx) override;
  // Also: NO_SPACE (the log that the backup holds back would fill the volume).
  Result<PhysicalFacts> Take(const OpContext& ctx, ArchiveWriter& archives) override;
  Status Unpack(const OpContext& ctx, const UnpackSpec& spec, stream::Source& source) override;
  Status Complete(const OpContext& ctx, const UnpackSpec& spec) override;
  Status Settle(const OpContext& ctx) override;

 private:
  Status PutFile(const OpContext& ctx, const os::Generation& generation, const std::string& name,
                 const std::string& content);
  Status AwaitEndOfRecovery(const OpContext& ctx);
  Status CheckFiles(const OpContext& ctx, const std::string& database,
                    std::vector<std::string>& missing);

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
