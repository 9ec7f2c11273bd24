#include "datastores/postgresql/user_attributes.h"

#include <algorithm>
#include <charconv>

#include "agent/base/bytes.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

// Memberships in the server's own roles and in reserved ones are neither shown nor changed.
const std::string kOrdinary =
    "NOT starts_with(g.rolname, 'pg_') AND g.rolname NOT IN ('root', 'postgres', session_user) AND "
    "NOT " +
    IsOwnRole("g.rolname");

// Names as hexadecimal, since they may hold any separator.
const std::string kColumns =
    "u.rolname, u.rolcanlogin, u.rolinherit, u.rolcreatedb, u.rolcreaterole, u.rolconnlimit, "
    "CASE WHEN u.rolvaliduntil IS NULL OR u.rolvaliduntil = 'infinity' THEN NULL "
    "WHEN u.rolvaliduntil = '-infinity' THEN 0 ELSE floor(extract(epoch FROM u.rolvaliduntil) * "
    "1000)::bigint END, "
    "CASE WHEN u.rolpassword IS NULL THEN 'none' WHEN starts_with(u.rolpassword, 'SCRAM-SHA-256$') "
    "THEN 'scram-sha-256' "
    "ELSE 'md5' END, "
    "(SELECT string_agg(DISTINCT encode(convert_to(g.rolname::text, 'UTF8'), 'hex'), ' ') FROM "
    "pg_auth_members m "
    "JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = u.oid AND " +
    kOrdinary + ")";

std::string FromHex(std::string_view hex) {
  std::string text;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
    text += static_cast<char>(value);
  }
  return text;
}

std::vector<std::string> NamesOf(const std::string& hex_list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < hex_list.size();) {
    const std::size_t end = std::min(hex_list.find(' ', begin), hex_list.size());
    names.push_back(FromHex(std::string_view(hex_list).substr(begin, end - begin)));
    begin = end + 1;
  }
  std::sort(names.begin(), names.end());
  return names;
}

UserInfo ReadInfo(const Rows& rows, std::size_t row) {
  UserInfo info;
  info.id.name = rows.Text(row, 0);
  UserAttributes& attributes = info.attributes;
  attributes.login = rows.True(row, 1);
  attributes.inherit = rows.True(row, 2);
  attributes.create_database = rows.True(row, 3);
  attributes.create_role = rows.True(row, 4);
  attributes.connection_limit = static_cast<std::int32_t>(std::stol(rows.Text(row, 5)));
  attributes.valid_until = rows.IsNull(row, 6)
                               ? WallTime::max()
                               : WallTime(std::chrono::milliseconds(std::stoll(rows.Text(row, 6))));
  info.authentication = rows.Text(row, 7);
  attributes.member_of = NamesOf(rows.Text(row, 8));
  return info;
}

// WITH-less membership; the grantor's name is needed to take one back from PostgreSQL 16 on.
Status LeaveAll(const OpContext& ctx, Connection& connection, const Server& server,
                const std::string& role, const std::vector<std::string>& keep) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          ctx,
          "SELECT g.rolname, o.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
          "JOIN pg_roles u ON u.oid = m.member LEFT JOIN pg_roles o ON o.oid = m.grantor "
          "WHERE u.rolname = $1 AND " +
              kOrdinary,
          {role}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string group = rows.Text(row, 0);
    if (std::find(keep.begin(), keep.end(), group) != keep.end()) continue;
    std::string sql = "REVOKE " + Identifier(group) + " FROM " + Identifier(role);
    if (MembershipHasGrantor(server.info.major) && !rows.IsNull(row, 1))
      sql += " GRANTED BY " + Identifier(rows.Text(row, 1));
    RETURN_IF_ERROR(connection.Run(ctx, sql + " CASCADE"));
  }
  return Ok();
}

}  // namespace

Status CheckAttributes(const UserAttributes& attributes, const std::string& agent) {
  if (attributes.locked || attributes.require_tls || attributes.max_connections) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "PostgreSQL's roles have no fields 'locked', 'require_tls' and 'max_connections'")
        .WithHint("'login' and 'connection_limit' are what comes nearest");
  }
  if (attributes.connection_limit && *attributes.connection_limit < -1) {
    return Error(Code::kInvalidArgument, "FIELD_INVALID", "a connection limit of {} is none",
                 *attributes.connection_limit)
        .WithHint("-1 means no limit");
  }
  if (!attributes.member_of) return Ok();
  for (const std::string& group : *attributes.member_of)
    RETURN_IF_ERROR(CheckRoleName(group, agent));
  return Ok();
}

std::string AttributeClauses(const UserAttributes& attributes) {
  std::string sql;
  const auto flag = [&sql](const std::optional<bool>& value, const char* word) {
    if (value) sql += std::string(*value ? " " : " NO") + word;
  };
  flag(attributes.login, "LOGIN");
  flag(attributes.inherit, "INHERIT");
  flag(attributes.create_database, "CREATEDB");
  flag(attributes.create_role, "CREATEROLE");
  if (attributes.connection_limit)
    sql += fmt::format(" CONNECTION LIMIT {}", *attributes.connection_limit);
  if (attributes.valid_until) {
    const bool for_ever = *attributes.valid_until == WallTime::max();
    sql += " VALID UNTIL " + Literal(for_ever ? "infinity" : FormatTime(*attributes.valid_until));
  }
  return sql;
}

Status ReplaceMemberships(const OpContext& ctx, Connection& connection, const Server& server,
                          const std::string& role,
                          const std::optional<std::vector<std::string>>& member_of) {
  if (!member_of) return Ok();
  RETURN_IF_ERROR(LeaveAll(ctx, connection, server, role, *member_of));
  for (const std::string& group : *member_of) {
    Status joined = connection.Run(ctx, "GRANT " + Identifier(group) + " TO " + Identifier(role));
    if (HasSqlState(joined, "42704")) return RoleNotFound(group);
    if (HasSqlState(joined, "0LP01")) {  // a circle
      return Error(Code::kInvalidArgument, "FIELD_INVALID", "role '{}' cannot be a member of '{}'",
                   role, group)
          .WithCause(joined);
    }
    RETURN_IF_ERROR(std::move(joined));
  }
  return Ok();
}

Result<std::optional<UserInfo>> ReadUser(const OpContext& ctx, Connection& connection,
                                         const std::string& name) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx, "SELECT " + kColumns + " FROM pg_authid u WHERE u.rolname = $1",
                       {name}));
  if (rows.empty()) return std::optional<UserInfo>();
  return std::optional<UserInfo>(ReadInfo(rows, 0));
}

Result<Page<UserInfo>> ReadUsers(const OpContext& ctx, Connection& connection,
                                 const PageRequest<UserId>& page, const std::string& agent) {
  const std::string key = page.start_after ? ToHex(AsBytes(page.start_after->name)) : "";
  const std::string sql = "SELECT " + kColumns +
                          " FROM (SELECT * FROM pg_authid WHERE NOT starts_with(rolname, 'pg_') "
                          "AND rolname NOT IN ('root', 'postgres', $1) AND NOT " +
                          IsOwnRole("rolname") +
                          " "
                          "AND ($2 = 'f' OR convert_to(rolname::text, 'UTF8') > decode($3, 'hex')) "
                          "ORDER BY rolname::text COLLATE \"C\" LIMIT $4::bigint) u ORDER BY "
                          "u.rolname::text COLLATE \"C\"";
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, sql,
                                                     {agent, page.start_after ? "t" : "f", key,
                                                      std::to_string(page.limit + 1)}));
  Page<UserInfo> answer;
  for (std::size_t row = 0; row < rows.size() && row < page.limit; ++row)
    answer.items.push_back(ReadInfo(rows, row));
  answer.more = rows.size() > page.limit;
  return answer;
}

}  // namespace dbagent::datastore::postgresql
