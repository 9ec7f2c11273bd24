#pragma once

#include "datastores/postgresql/rights.h"
#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresGrantAdmin : public GrantAdmin {
 public:
  explicit PostgresGrantAdmin(Server& server) : server_(server) {}

  Status GrantTo(const OpContext& ctx, const UserId& user, const Grant& grant) override;
  Status RevokeFrom(const OpContext& ctx, const UserId& user, const Grant& grant) override;
  // grant_list.cpp
  Result<std::vector<Grant>> List(const OpContext& ctx, const UserId& user) override;

 private:
  Status CheckNames(const UserId& user, const Grant& grant) const;
  Result<std::unique_ptr<Connection>> Enter(const OpContext& ctx, const UserId& user,
                                            const Grant& grant) const;

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
