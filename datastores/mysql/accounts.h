#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datastores/mysql/server.h"

// The servers' table of accounts, for users and root alike.
namespace dbagent::datastore::mysql {

struct Account {
  UserInfo info;
  Secret credential;  // as stored; empty when no password logs in
};

// Those that `condition` lets through; it sees the columns User and Host, and `?`s for the
// parameters.
Result<std::vector<Account>> ReadAccounts(Server& server, const OpContext& ctx,
                                          const std::string& condition,
                                          const std::vector<std::string>& parameters = {});
// Whether a load made it in the place of a missing definer, and nobody has made it his since.
bool IsStandIn(const Server& server, const Account& account);
// USER_NOT_FOUND.
Result<Account> ReadAccount(Server& server, const OpContext& ctx, const UserId& id);

Status UserNotFound(const UserId& id);

// The part of CREATE USER and ALTER USER behind the account's name.
std::string AttributesClause(const UserAttributes& attributes);

// Whether a database's name in a grant is a pattern, and the name as a grant takes it.
Result<bool> GrantsTakePatterns(Server& server, const OpContext& ctx);
Result<std::string> GrantPattern(Server& server, const OpContext& ctx, const std::string& database);

}  // namespace dbagent::datastore::mysql
