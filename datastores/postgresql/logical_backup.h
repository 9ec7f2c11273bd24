#pragma once

#include "datastores/postgresql/dump_header.h"
#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

// pg_dump's plain text, with a header of ours in front (dump_header.h), and psql.
//
// Owners and grants stay as dumped where the role exists. A role that is missing at a load exists
// during the load's one transaction only: made at its begin, it hands what it owns to the agent's
// role and goes at its end, so that nothing of the text has to be changed and a failed load leaves
// no role behind.
class PostgresLogicalBackup : public LogicalBackup {
 public:
  PostgresLogicalBackup(Server& server, DatabaseAdmin& databases)
      : server_(server), databases_(databases) {}

  Result<DumpFacts> Dump(const OpContext& ctx, const std::string& database,
                         stream::Sink& sink) override;
  // Also: DUMP_INCOMPLETE, CORRUPT_DUMP (DATA_LOSS).
  Status Load(const OpContext& ctx, const LoadSpec& spec, stream::Source& source) override;

 private:
  Status RunDump(const OpContext& ctx, const std::string& database, const std::string& snapshot,
                 stream::Sink& sink);
  Status RunLoad(const OpContext& ctx, const std::string& database, const DumpHeader& header,
                 const std::vector<std::string>& missing, HeaderSource& source);

  Server& server_;
  DatabaseAdmin& databases_;
};

}  // namespace dbagent::datastore::postgresql
