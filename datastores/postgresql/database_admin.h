#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresDatabaseAdmin : public DatabaseAdmin {
 public:
  explicit PostgresDatabaseAdmin(Server& server) : server_(server) {}

  Status Check(const DatabaseSpec& spec) const override;
  Result<Page<DatabaseInfo>> List(const OpContext& ctx, const PageRequest<std::string>& page,
                                  bool with_size) override;
  Result<DatabaseInfo> Get(const OpContext& ctx, const std::string& name) override;
  // Made under a name of its own, shut for PUBLIC and renamed in one transaction: a database with
  // the asked-for name is always a finished one. What a killed agent left unfinished goes at the
  // next call.
  Result<DatabaseInfo> Create(const OpContext& ctx, const DatabaseSpec& spec) override;
  // The same for a role that no caller may name.
  Result<DatabaseInfo> CreateFor(const OpContext& ctx, DatabaseSpec spec, const std::string& role);
  Result<DatabaseInfo> Update(const OpContext& ctx, const DatabaseChange& change) override;
  Result<bool> Drop(const OpContext& ctx, const std::string& name) override;

 private:
  Result<DatabaseInfo> CreateChecked(const OpContext& ctx, const DatabaseSpec& spec);
  Status Make(const OpContext& ctx, Connection& connection, const DatabaseSpec& spec);
  Status DropUnfinished(const OpContext& ctx, Connection& connection);

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
