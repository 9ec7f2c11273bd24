#pragma once

#include "datastores/postgresql/server.h"

// A role's attributes between the contract's struct, SQL and the catalog. Threads: any.
namespace dbagent::datastore::postgresql {

// FIELD_UNSUPPORTED (MySQL's fields), FIELD_INVALID, and a bad name among member_of.
Status CheckAttributes(const UserAttributes& attributes, const std::string& agent);
// ` LOGIN CONNECTION LIMIT 3 …` for what is set but the memberships.
std::string AttributeClauses(const UserAttributes& attributes);
// In a transaction: makes `role` a direct member of exactly these (nothing: leaves it as it is) and
// of those of the server's own that it is a member of already. USER_NOT_FOUND.
Status ReplaceMemberships(const OpContext& ctx, Connection& connection, const Server& server,
                          const std::string& role,
                          const std::optional<std::vector<std::string>>& member_of);

Result<std::optional<UserInfo>> ReadUser(const OpContext& ctx, Connection& connection,
                                         const std::string& name);
Result<Page<UserInfo>> ReadUsers(const OpContext& ctx, Connection& connection,
                                 const PageRequest<UserId>& page, const std::string& agent);

}  // namespace dbagent::datastore::postgresql
