#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

// NAME_INVALID, NAME_RESERVED, FIELD_UNSUPPORTED (a host).
Status CheckUserId(const UserId& id, const std::string& agent);

class PostgresUserAdmin : public UserAdmin {
 public:
  explicit PostgresUserAdmin(Server& server) : server_(server) {}

  Status Check(const UserSpec& spec) const override;
  Result<Page<UserInfo>> List(const OpContext& ctx, const PageRequest<UserId>& page) override;
  Result<UserInfo> Get(const OpContext& ctx, const UserId& id) override;
  Result<UserInfo> Create(const OpContext& ctx, const UserSpec& spec) override;
  Result<UserInfo> Update(const OpContext& ctx, const UserChange& change) override;
  Result<bool> Drop(const OpContext& ctx, const UserId& id) override;
  Result<Secret> StoredCredential(const OpContext& ctx, const UserId& id) override;

 private:
  Status Change(const OpContext& ctx, Connection& connection, const UserChange& change);

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
