#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

// Files: pg_verifybackup, which holds them and the log against the manifest that the backup
// brought. Data: of every database that lets anybody in, each table by verify_heapam and each
// B-tree by bt_index_check of the extension amcheck (what pg_amcheck calls); where that is not
// installed, each table is read.
class PostgresConsistencyCheck : public ConsistencyCheck {
 public:
  PostgresConsistencyCheck(Server& server, ServerControl& control)
      : server_(server), control_(control) {}

  Status CheckFiles(const OpContext& ctx, const UnpackSpec& spec, DataReport& report) override;
  Status CheckData(const OpContext& ctx, DataReport& report) override;
  // With or without the extension.
  Status CheckDatabases(const OpContext& ctx, bool amcheck, DataReport& report);

 private:
  struct Relation {
    std::string oid, name, database;
    char kind = 'r';  // of pg_class
    std::uint64_t bytes = 0;
  };
  class Session;  // to one database; comes back when the server does

  Status CheckDatabase(const OpContext& ctx, const std::string& database, bool amcheck,
                       DataReport& report);
  Status CheckRelation(const OpContext& ctx, Session& session, const Relation& relation,
                       bool amcheck, DataReport& report);

  Server& server_;
  ServerControl& control_;
};

}  // namespace dbagent::datastore::postgresql
