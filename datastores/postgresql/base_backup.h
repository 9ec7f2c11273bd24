#pragma once

#include <functional>
#include <string>

#include "datastores/datastore.h"
#include "datastores/postgresql/connection.h"

// The replication protocol's BASE_BACKUP, as of PostgreSQL 15: two result sets (start position;
// tablespaces), then one COPY OUT whose messages begin with a letter: n (a new archive: its name,
// its tablespace's path), d (data), p (progress, 8 bytes), m (the manifest begins); then the end
// position. Source: PostgreSQL 15 documentation, chapter 55.4.
namespace dbagent::datastore::postgresql {

struct BaseBackupFacts {
  std::string start_lsn, end_lsn, timeline;
};

class BaseBackup {
 public:
  // `room` is asked about once a second while data comes, and its error ends the backup: the slot
  // keeps write-ahead log, which must not fill the disk while a store is slow.
  BaseBackup(Connection& session, ArchiveWriter& archives, std::function<Status()> room)
      : session_(session), archives_(archives), room_(std::move(room)) {}

  // Archives: `base.tar`, `<oid>.tar` for each tablespace, `backup_manifest`. The log that the
  // backup needs is in base.tar. The session is used up; with it ends the temporary slot.
  Result<BaseBackupFacts> Take(const OpContext& ctx);

 private:
  Status Send(const std::string& command);
  Status Await(const OpContext& ctx);
  Result<Rows> NextRows(const OpContext& ctx);
  Status Copy(const OpContext& ctx);
  Status Handle(const OpContext& ctx, std::string_view message);

  Connection& session_;
  ArchiveWriter& archives_;
  const std::function<Status()> room_;
  stream::Sink* sink_ = nullptr;
};

}  // namespace dbagent::datastore::postgresql
