#include <mysqld_error.h>

#include <algorithm>
#include <map>
#include <set>

#include "datastores/mysql/accounts.h"
#include "datastores/mysql/names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

using Privileges = std::set<std::string>;

// Datastores' README.md says the same.
const Privileges kReadOnly = {"SELECT", "SHOW VIEW"};
const Privileges kReadWrite = {"SELECT", "SHOW VIEW", "INSERT",      "UPDATE",
                               "DELETE", "EXECUTE",   "LOCK TABLES", "CREATE TEMPORARY TABLES"};
constexpr std::string_view kGrantOption = "GRANT OPTION";

std::string Joined(const Privileges& privileges) {
  std::string text;
  for (const std::string& privilege : privileges) text += (text.empty() ? "" : ", ") + privilege;
  return text;
}

std::string UpperCase(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// An account as information_schema has it: without any escape inside the quotes.
std::string GranteeOf(const UserId& user) {
  return fmt::format("'{}'@'{}'", user.name, user.host);
}

class Grants : public GrantAdmin {
 public:
  explicit Grants(Server& server) : server_(server) {}

  Status GrantTo(const OpContext& ctx, const UserId& user, const Grant& grant) override;
  Status RevokeFrom(const OpContext& ctx, const UserId& user, const Grant& grant) override;
  Result<std::vector<Grant>> List(const OpContext& ctx, const UserId& user) override;

 private:
  struct Checked {
    UserId user;
    Privileges privileges;
    std::string pattern;  // the database's name as grants take it
  };
  Result<Checked> Check(const OpContext& ctx, const UserId& user, const Grant& grant);
  Result<Privileges> DatabaseLevelPrivileges(const OpContext& ctx);
  Result<Privileges> Chosen(const OpContext& ctx, const Grant& grant);

  Server& server_;
};

// What the running server knows that can be granted on a database.
Result<Privileges> Grants::DatabaseLevelPrivileges(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const Rows rows,
                   Query(server_, ctx, "ask for the server's privileges", "SHOW PRIVILEGES"));
  Privileges known;
  for (const Row& row : rows) {
    const std::string name = UpperCase(TextOf(row[0]));
    if (server_.dialect.IsDatabaseLevel(name, TextOf(row[1])))
      known.insert(server_.dialect.GrantWord(name));
  }
  return known;
}

Result<Privileges> Grants::Chosen(const OpContext& ctx, const Grant& grant) {
  ASSIGN_OR_RETURN(Privileges known, DatabaseLevelPrivileges(ctx));
  switch (grant.set) {
    case PrivilegeSet::kReadOnly:
      return kReadOnly;
    case PrivilegeSet::kReadWrite:
      return kReadWrite;
    case PrivilegeSet::kAll:
      return known;
    case PrivilegeSet::kNone:
      break;
  }
  Privileges chosen;
  for (const std::string& word : grant.privileges) {
    const std::string privilege = UpperCase(word);
    if (!known.contains(privilege)) {
      return Error(Code::kInvalidArgument, "PRIVILEGE_UNKNOWN",
                   "unable to use privilege '{}': it is none of a database", word)
          .WithHint("there are: " + Joined(known));
    }
    chosen.insert(privilege);
  }
  if (chosen.empty() && !grant.with_grant_option) {
    return Error(Code::kInvalidArgument, "PRIVILEGE_UNKNOWN",
                 "unable to use a grant: it names no privilege")
        .WithHint("there are: " + Joined(known));
  }
  return chosen;
}

Result<Grants::Checked> Grants::Check(const OpContext& ctx, const UserId& user,
                                      const Grant& grant) {
  Checked checked{.user = Normalised(user), .privileges = {}, .pattern = {}};
  RETURN_IF_ERROR(CheckUser(server_.dialect, server_.settings, checked.user));
  RETURN_IF_ERROR(CheckDatabaseName(grant.database));
  if (!grant.object.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "unable to grant on '{}': grants are of a whole database", grant.object);
  }
  if (grant.set != PrivilegeSet::kNone && !grant.privileges.empty()) {
    return Error(Code::kInvalidArgument, "PRIVILEGE_UNKNOWN",
                 "unable to use a grant: it has both a set and privileges");
  }
  ASSIGN_OR_RETURN(checked.privileges, Chosen(ctx, grant));
  ASSIGN_OR_RETURN(const Account account, ReadAccount(server_, ctx, checked.user));
  ASSIGN_OR_RETURN(
      const Rows rows,
      Query(server_, ctx, "look for the database",
            "SELECT 1 FROM information_schema.schemata WHERE CAST(schema_name AS BINARY) = ?",
            {grant.database}));
  if (rows.empty()) {
    return Error(Code::kNotFound, "DATABASE_NOT_FOUND",
                 "unable to find database '{}': there is none", grant.database);
  }
  ASSIGN_OR_RETURN(checked.pattern, GrantPattern(server_, ctx, grant.database));
  return checked;
}

Status Grants::GrantTo(const OpContext& ctx, const UserId& user, const Grant& grant) {
  ASSIGN_OR_RETURN(const Checked checked, Check(ctx, user, grant));
  const std::string words = checked.privileges.empty() ? "USAGE" : Joined(checked.privileges);
  return Execute(
      server_, ctx,
      fmt::format("grant on database '{}' to '{}'", grant.database, checked.user.ToString()),
      fmt::format("GRANT {} ON {}.* TO {}{}", words, QuoteIdentifier(checked.pattern),
                  QuoteAccount(checked.user.name, checked.user.host),
                  grant.with_grant_option ? " WITH GRANT OPTION" : ""));
}

// Only what is held is named: MySQL refuses the whole of a statement for one privilege that is not.
Status Grants::RevokeFrom(const OpContext& ctx, const UserId& user, const Grant& grant) {
  ASSIGN_OR_RETURN(Checked checked, Check(ctx, user, grant));
  // who may do nothing in a database any more has nothing to pass on
  if (grant.with_grant_option || grant.set == PrivilegeSet::kAll) {
    checked.privileges.emplace(kGrantOption);
  }
  ASSIGN_OR_RETURN(
      const Rows rows,
      Query(server_, ctx, "look at the user's grants",
            "SELECT privilege_type, is_grantable FROM information_schema.schema_privileges "
            "WHERE grantee = ? AND CAST(table_schema AS BINARY) = ?",
            {GranteeOf(checked.user), checked.pattern}));
  Privileges held;
  for (const Row& row : rows) {
    held.insert(TextOf(row[0]));
    if (TextOf(row[1]) == "YES") held.emplace(kGrantOption);
  }
  std::erase_if(checked.privileges, [&](const std::string& word) { return !held.contains(word); });
  if (checked.privileges.empty()) return Ok();
  Status revoked = Execute(server_, ctx, fmt::format("revoke from '{}'", checked.user.ToString()),
                           fmt::format("REVOKE {} ON {}.* FROM {}", Joined(checked.privileges),
                                       QuoteIdentifier(checked.pattern),
                                       QuoteAccount(checked.user.name, checked.user.host)));
  if (ServerErrno(revoked) == ER_NONEXISTING_GRANT) return Ok();
  return revoked;
}

// The answers' columns: database's pattern, object, privilege, is grantable.
constexpr const char* kGrantsQuery =
    "SELECT '', '', privilege_type, is_grantable FROM information_schema.user_privileges WHERE "
    "grantee = ? "
    "UNION ALL SELECT table_schema, '', privilege_type, is_grantable FROM "
    "information_schema.schema_privileges WHERE grantee = ? "
    "UNION ALL SELECT table_schema, CONCAT('table ', table_name), privilege_type, is_grantable "
    "FROM information_schema.table_privileges WHERE grantee = ? "
    "UNION ALL SELECT table_schema, CONCAT('table ', table_name), CONCAT(privilege_type, ' (', "
    "column_name, ')'), is_grantable "
    "FROM information_schema.column_privileges WHERE grantee = ? "
    "UNION ALL SELECT Db, CONCAT(LOWER(Routine_type), ' ', Routine_name), UPPER(Proc_priv), 'NO' "
    "FROM mysql.procs_priv "
    "WHERE CAST(User AS BINARY) = ? AND CAST(Host AS BINARY) = ?";

Result<std::vector<Grant>> Grants::List(const OpContext& ctx, const UserId& asked) {
  const UserId user = Normalised(asked);
  RETURN_IF_ERROR(CheckUser(server_.dialect, server_.settings, user));
  ASSIGN_OR_RETURN(const Account account, ReadAccount(server_, ctx, user));
  ASSIGN_OR_RETURN(const Privileges all, DatabaseLevelPrivileges(ctx));
  ASSIGN_OR_RETURN(const bool patterns, GrantsTakePatterns(server_, ctx));
  const std::string grantee = GranteeOf(user);
  ASSIGN_OR_RETURN(const Rows rows,
                   Query(server_, ctx, "list grants", kGrantsQuery,
                         {grantee, grantee, grantee, grantee, user.name, user.host}));
  struct Held {
    Privileges privileges;
    bool grantable = false;
  };
  std::map<std::pair<std::string, std::string>, Held> held;
  for (const Row& row : rows) {
    const bool is_schema = !TextOf(row[0]).empty() && TextOf(row[1]).empty();
    const std::string database =
        is_schema && patterns ? UnescapePattern(TextOf(row[0])) : TextOf(row[0]);
    Held& here = held[{database, TextOf(row[1])}];
    here.grantable = here.grantable || TextOf(row[3]) == "YES";
    if (TextOf(row[2]) != "USAGE") here.privileges.insert(TextOf(row[2]));
  }
  std::vector<Grant> grants;
  for (const auto& [where, what] : held) {
    if (what.privileges.empty() && !what.grantable) continue;
    Grant grant;
    grant.database = where.first;
    grant.object = where.second;
    grant.with_grant_option = what.grantable;
    if (!grant.database.empty() && grant.object.empty()) {
      if (what.privileges == kReadOnly) grant.set = PrivilegeSet::kReadOnly;
      if (what.privileges == kReadWrite) grant.set = PrivilegeSet::kReadWrite;
      if (what.privileges == all) grant.set = PrivilegeSet::kAll;
    }
    grant.privileges.assign(what.privileges.begin(), what.privileges.end());
    grants.push_back(std::move(grant));
  }
  return grants;
}

}  // namespace

std::unique_ptr<GrantAdmin> MakeGrantAdmin(Server& server) {
  return std::make_unique<Grants>(server);
}

}  // namespace dbagent::datastore::mysql
