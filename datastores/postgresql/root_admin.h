#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresRootAdmin : public RootAdmin {
 public:
  explicit PostgresRootAdmin(Server& server) : server_(server) {}

  Result<RootState> State(const OpContext& ctx) override;
  Result<RootState> Enable(const OpContext& ctx, const Secret& password) override;
  // Powerless first, then removed as a dropped user is: when the second part fails, the first one
  // stands.
  Result<RootState> Disable(const OpContext& ctx) override;

 private:
  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
