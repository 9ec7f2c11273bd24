#include "datastores/mysql/user_dump.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>

#include "datastores/mysql/accounts.h"
#include "datastores/mysql/names.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

using Part = LoadUsersSpec::Part;
constexpr std::string_view kPublic = "PUBLIC";  // MariaDB: the role that everybody has

// MariaDB's roles have no host; MySQL's are accounts.
std::string NameOf(const UserId& id) {
  if (!id.host.empty()) return QuoteAccount(id.name, id.host);
  return id.name == kPublic ? id.name : QuoteIdentifier(id.name);
}

Result<std::vector<UserId>> ListAll(Server& server, const OpContext& ctx) {
  std::vector<UserId> all;
  if (server.dialect.mariadb()) {
    ASSIGN_OR_RETURN(const Rows roles,
                     Query(server, ctx, "list the roles",
                           "SELECT CAST(User AS BINARY) FROM mysql.global_priv WHERE "
                           "JSON_VALUE(Priv, '$.is_role') IS NOT NULL ORDER BY 1"));
    for (const Row& row : roles) all.push_back({TextOf(row[0]), ""});
  }
  ASSIGN_OR_RETURN(const std::vector<Account> accounts, ReadAccounts(server, ctx, "TRUE"));
  for (const Account& account : accounts) {
    const UserId& id = account.info.id;
    if (!IsReservedUser(server.settings, id.name)) all.push_back(id);
  }
  return all;
}

Result<std::string> AccountStatement(const OpContext& ctx, Connection& connection,
                                     const UserId& id) {
  if (id.name == kPublic) return std::string("GRANT USAGE ON *.* TO PUBLIC");
  if (id.host.empty()) return "CREATE ROLE " + NameOf(id);
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(ctx, fmt::format("read user '{}'", id.ToString()),
                                    "SHOW CREATE USER " + NameOf(id)));
  return TextOf(rows.front()[0]);
}

bool IsOfSomethingMissing(const Status& status) {
  static constexpr std::array<unsigned, 6> kNumbers = {
      ER_NO_SUCH_TABLE, ER_SP_DOES_NOT_EXIST, ER_BAD_FIELD_ERROR,
      ER_BAD_DB_ERROR,  ER_UNKNOWN_TABLE,     ER_NONEXISTING_PROC_GRANT};
  return std::find(kNumbers.begin(), kNumbers.end(), ServerErrno(status)) != kNumbers.end();
}

Result<bool> Exists(Server& server, const OpContext& ctx, const UserId& id) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      Query(server, ctx, "look for the user",
            fmt::format("SELECT 1 FROM mysql.{} WHERE CAST(User AS BINARY) = ? AND CAST(Host AS "
                        "BINARY) = ?",
                        server.dialect.mariadb() ? "global_priv" : "user"),
            {id.name, id.host}));
  return !rows.empty();
}

}  // namespace

std::optional<std::string> TakeDefaultRoles(std::string& create_user) {
  constexpr std::string_view kWords = " DEFAULT ROLE ";
  char quote = 0;
  std::size_t begin = std::string::npos;
  for (std::size_t at = 0; at < create_user.size(); ++at) {
    const char c = create_user[at];
    if (quote != 0) {
      if (c == '\\' && quote == '\'') ++at;
      if (c == quote) quote = 0;  // a doubled one begins the next quoted part at once
    } else if (c == '\'' || c == '`') {
      quote = c;
    } else if (begin == std::string::npos && create_user.compare(at, kWords.size(), kWords) == 0) {
      begin = at;
      at += kWords.size() - 1;
    } else if (begin != std::string::npos && c == ' ') {
      std::string roles = create_user.substr(begin + kWords.size(), at - begin - kWords.size());
      create_user.erase(begin, at - begin);
      return roles;
    }
  }
  if (begin == std::string::npos) return std::nullopt;
  std::string roles = create_user.substr(begin + kWords.size());
  create_user.erase(begin);
  return roles;
}

Result<std::vector<UserStatement>> ReadUserStatements(Server& server, const OpContext& ctx) {
  ASSIGN_OR_RETURN(const std::vector<UserId> all, ListAll(server, ctx));
  ASSIGN_OR_RETURN(ConnectionPool::Lease connection, server.pool.Get(ctx));
  if (!server.dialect.mariadb()) {  // stored passwords are bytes there
    RETURN_IF_ERROR(connection->Execute(ctx, "have stored passwords in hexadecimal",
                                        "SET SESSION print_identified_with_as_hex = ON"));
  }
  std::vector<UserStatement> accounts, rights;
  const auto read = [&]() -> Status {
    for (const UserId& id : all) {
      RETURN_IF_ERROR(ctx.Poll());
      ASSIGN_OR_RETURN(std::string account, AccountStatement(ctx, *connection, id));
      const std::optional<std::string> roles = TakeDefaultRoles(account);
      accounts.push_back({Part::kAccounts, id, std::move(account)});
      ASSIGN_OR_RETURN(const Rows rows,
                       connection->Query(ctx, fmt::format("read rights of '{}'", id.ToString()),
                                         "SHOW GRANTS FOR " + NameOf(id)));
      for (const Row& row : rows) rights.push_back({Part::kRights, id, TextOf(row[0])});
      if (roles)
        rights.push_back(
            {Part::kRights, id, "ALTER USER " + NameOf(id) + " DEFAULT ROLE " + *roles});
    }
    return Ok();
  };
  Status done = read();
  connection.Discard();
  RETURN_IF_ERROR(std::move(done));
  accounts.insert(accounts.end(), rights.begin(), rights.end());
  return accounts;
}

Status LoadUserStatements(Server& server, const OpContext& ctx, const LoadUsersSpec& spec,
                          stream::Source& source) {
  UserTextActions actions;
  actions.exists = [&](const UserId& id) { return Exists(server, ctx, id); };
  actions.run = [&](const UserStatement& statement) -> Status {
    Status done = Execute(server, ctx, "run the backup's statement", statement.sql);
    if (statement.part != Part::kRights || !IsOfSomethingMissing(done)) return done;
    if (spec.note)
      spec.note(fmt::format("a right of '{}' on something that does not exist was left out",
                            statement.id.ToString()));
    return Ok();
  };
  return LoadUserText(ctx, spec, source, actions);
}

Status DropUsers(Server& server, const OpContext& ctx, const std::vector<UserId>& users) {
  for (const UserId& id : users) {
    const std::string sql = id.name == kPublic && id.host.empty()
                                ? "REVOKE ALL PRIVILEGES, GRANT OPTION FROM PUBLIC"
                            : id.host.empty() ? "DROP ROLE IF EXISTS " + NameOf(id)
                                              : "DROP USER IF EXISTS " + NameOf(id);
    RETURN_IF_ERROR(Execute(server, ctx, fmt::format("drop user '{}'", id.ToString()), sql));
  }
  return Ok();
}

Status MakeStandIn(Server& server, const OpContext& ctx, const UserId& id,
                   const std::string& database,
                   const std::function<Status(const UserId&)>& before) {
  const std::string name = QuoteAccount(id.name, id.host);
  ASSIGN_OR_RETURN(const bool exists, Exists(server, ctx, id));
  if (!exists) {
    if (before) RETURN_IF_ERROR(before(id));
    // another load of the same restore may be quicker
    RETURN_IF_ERROR(Execute(
        server, ctx, fmt::format("make user '{}', which a definer names", id.ToString()),
        "CREATE USER IF NOT EXISTS " + name + " " +
            server.dialect.IdentifiedBy(QuoteLiteral(server.dialect.stand_in_credential())) +
            " ACCOUNT LOCK"));
  }
  ASSIGN_OR_RETURN(const Account account, ReadAccount(server, ctx, id));
  if (!IsStandIn(server, account)) return Ok();
  ASSIGN_OR_RETURN(const std::string pattern, GrantPattern(server, ctx, database));
  return Execute(server, ctx,
                 fmt::format("grant on database '{}' to '{}'", database, id.ToString()),
                 "GRANT ALL PRIVILEGES ON " + QuoteIdentifier(pattern) + ".* TO " + name);
}

}  // namespace dbagent::datastore::mysql
