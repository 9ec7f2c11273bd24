#include "datastores/mysql/accounts.h"

#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

Account AccountFrom(const Dialect& dialect, const Row& row) {
  Account account;
  account.info.id = {TextOf(row[0]), TextOf(row[1])};
  account.info.authentication = TextOf(row[2]);
  account.info.attributes.locked = NumberOf(row[3]) != 0;
  account.info.attributes.require_tls = NumberOf(row[4]) != 0;
  account.info.attributes.max_connections = static_cast<std::uint32_t>(NumberOf(row[5]));
  if (TextOf(row[6]) != dialect.no_password_credential())
    account.credential = Secret(TextOf(row[6]));
  return account;
}

}  // namespace

Result<std::vector<Account>> ReadAccounts(Server& server, const OpContext& ctx,
                                          const std::string& condition,
                                          const std::vector<std::string>& parameters) {
  ASSIGN_OR_RETURN(const Rows rows,
                   Query(server, ctx, "read the table of users",
                         server.dialect.AccountsQuery() + " AND " + condition, parameters));
  std::vector<Account> accounts;
  for (const Row& row : rows) accounts.push_back(AccountFrom(server.dialect, row));
  return accounts;
}

bool IsStandIn(const Server& server, const Account& account) {
  return account.info.attributes.locked.value_or(false) &&
         account.credential.Reveal() == server.dialect.stand_in_credential();
}

Result<Account> ReadAccount(Server& server, const OpContext& ctx, const UserId& id) {
  ASSIGN_OR_RETURN(
      std::vector<Account> found,
      ReadAccounts(server, ctx, "CAST(User AS BINARY) = ? AND CAST(Host AS BINARY) = ?",
                   {id.name, id.host}));
  if (found.empty()) return UserNotFound(id);
  return std::move(found.front());
}

Status UserNotFound(const UserId& id) {
  return Error(Code::kNotFound, "USER_NOT_FOUND", "unable to find user '{}': there is none",
               id.ToString());
}

std::string AttributesClause(const UserAttributes& attributes) {
  std::string clause;
  if (attributes.require_tls) clause += *attributes.require_tls ? " REQUIRE SSL" : " REQUIRE NONE";
  if (attributes.max_connections)
    clause += fmt::format(" WITH MAX_USER_CONNECTIONS {}", *attributes.max_connections);
  if (attributes.locked) clause += *attributes.locked ? " ACCOUNT LOCK" : " ACCOUNT UNLOCK";
  return clause;
}

Result<bool> GrantsTakePatterns(Server& server, const OpContext& ctx) {
  if (server.dialect.mariadb()) return true;
  ASSIGN_OR_RETURN(const Rows rows, Query(server, ctx, "ask for partial_revokes",
                                          "SELECT @@GLOBAL.partial_revokes"));
  return NumberOf(rows.front()[0]) == 0;  // with it, names in grants mean only themselves
}

Result<std::string> GrantPattern(Server& server, const OpContext& ctx,
                                 const std::string& database) {
  ASSIGN_OR_RETURN(const bool patterns, GrantsTakePatterns(server, ctx));
  return patterns ? EscapePattern(database) : database;
}

}  // namespace dbagent::datastore::mysql
