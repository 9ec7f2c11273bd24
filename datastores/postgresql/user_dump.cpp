#include "datastores/postgresql/user_dump.h"

#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/settings_sql.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::string_view kCreate = "CREATE ROLE ";

constexpr std::string_view kAccounts = R"sql(
SELECT rolname, format('CREATE ROLE %I WITH', rolname)
  || CASE WHEN rolsuper THEN ' SUPERUSER' ELSE ' NOSUPERUSER' END || CASE WHEN rolinherit THEN ' INHERIT' ELSE ' NOINHERIT' END
  || CASE WHEN rolcreaterole THEN ' CREATEROLE' ELSE ' NOCREATEROLE' END || CASE WHEN rolcreatedb THEN ' CREATEDB' ELSE ' NOCREATEDB' END
  || CASE WHEN rolcanlogin THEN ' LOGIN' ELSE ' NOLOGIN' END || CASE WHEN rolreplication THEN ' REPLICATION' ELSE ' NOREPLICATION' END
  || CASE WHEN rolbypassrls THEN ' BYPASSRLS' ELSE ' NOBYPASSRLS' END || ' CONNECTION LIMIT ' || rolconnlimit
  || CASE WHEN rolpassword IS NULL THEN ' PASSWORD NULL' ELSE ' PASSWORD ' || quote_literal(rolpassword) END
  || coalesce(' VALID UNTIL ' || quote_literal(rolvaliduntil::text), ''),
  shobj_description(oid, 'pg_authid')
FROM pg_authid r WHERE {ordinary} ORDER BY rolname::text COLLATE "C"
)sql";

constexpr std::string_view kRights = R"sql(
SELECT name, sql FROM (
  SELECT 1 AS rank, u.rolname AS name, format('GRANT %I TO %I', g.rolname, u.rolname) || {options} AS sql
    FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
    WHERE {member} AND ({group} OR starts_with(g.rolname, 'pg_'))
  UNION ALL
  SELECT 2, r.rolname, format('ALTER ROLE %I SET ', r.rolname) || {setting}
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) c(line) WHERE s.setdatabase = 0 AND {ordinary}
  UNION ALL
  SELECT 3, r.rolname, format('GRANT %s ON PARAMETER %I TO %I', a.privilege_type, p.parname, r.rolname) || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    FROM pg_parameter_acl p CROSS JOIN aclexplode(p.paracl) a JOIN pg_roles r ON r.oid = a.grantee WHERE {ordinary}
) x ORDER BY rank, name COLLATE "C", sql COLLATE "C"
)sql";

std::string Fill(std::string_view pattern,
                 const std::vector<std::pair<std::string, std::string>>& marks) {
  std::string sql(pattern);
  for (const auto& [mark, text] : marks) {
    for (std::size_t at = sql.find(mark); at != std::string::npos;
         at = sql.find(mark, at + text.size()))
      sql.replace(at, mark.size(), text);
  }
  return sql;
}

// A user's role: neither the server's, nor the agent's, nor an enabled root, nor one that only
// holds a missing role's place.
std::string Ordinary(const std::string& alias, const std::string& agent) {
  const std::string name = alias + ".rolname";
  return fmt::format(
      "NOT starts_with({0}, 'pg_') AND {0} NOT IN ({1}, 'postgres', {2}) AND NOT {3}", name,
      Literal(kRootRole), Literal(agent), IsOwnRole(name));
}

}  // namespace

Result<std::vector<UserStatement>> ReadUserStatements(const OpContext& ctx, Connection& connection,
                                                      const std::string& agent,
                                                      std::uint32_t major) {
  using Part = LoadUsersSpec::Part;
  const std::string options =
      MembershipHasGrantor(major)
          ? "format(' WITH ADMIN %s, INHERIT %s, SET %s', m.admin_option::text, "
            "m.inherit_option::text, m.set_option::text)"
          : "CASE WHEN m.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END";
  std::vector<UserStatement> statements;
  ASSIGN_OR_RETURN(const Rows accounts,
                   connection.Query(ctx, Fill(kAccounts, {{"{ordinary}", Ordinary("r", agent)}})));
  for (std::size_t row = 0; row < accounts.size(); ++row) {
    const UserId id{accounts.Text(row, 0), ""};
    if (!accounts.IsNull(row, 2) && IsStandInMark(accounts.Text(row, 2))) continue;
    statements.push_back({Part::kAccounts, id, accounts.Text(row, 1)});
    if (!accounts.IsNull(row, 2)) {
      statements.push_back(
          {Part::kRights, id,
           "COMMENT ON ROLE " + Identifier(id.name) + " IS " + Literal(accounts.Text(row, 2))});
    }
  }
  ASSIGN_OR_RETURN(const Rows rights,
                   connection.Query(ctx, Fill(kRights, {{"{options}", options},
                                                        {"{setting}", SettingSql("c.line")},
                                                        {"{member}", Ordinary("u", agent)},
                                                        {"{group}", Ordinary("g", agent)},
                                                        {"{ordinary}", Ordinary("r", agent)}})));
  for (std::size_t row = 0; row < rights.size(); ++row)
    statements.push_back({Part::kRights, {rights.Text(row, 0), ""}, rights.Text(row, 1)});
  return statements;
}

Status LoadUserStatements(const OpContext& ctx, Connection& connection, const LoadUsersSpec& spec,
                          stream::Source& source) {
  bool stands_in = false;
  UserTextActions actions;
  actions.exists = [&](const UserId& id) -> Result<bool> {
    ASSIGN_OR_RETURN(const Rows there,
                     connection.Query(ctx,
                                      "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles "
                                      "WHERE rolname = $1 AND NOT rolcanlogin "
                                      "UNION ALL SELECT NULL FROM pg_roles WHERE rolname = $1 AND "
                                      "rolcanlogin",
                                      {id.name}));
    stands_in = !there.empty() && !there.IsNull(0, 0) && IsStandInMark(there.Text(0, 0));
    return !there.empty() && !stands_in;
  };
  actions.run = [&](const UserStatement& statement) -> Status {
    if (statement.part == LoadUsersSpec::Part::kRights || !stands_in)
      return connection.Run(ctx, statement.sql);
    if (!statement.sql.starts_with(kCreate)) {
      return Error(Code::kDataLoss, "CORRUPT_DUMP",
                   "the text of the users is damaged: an account's statement makes no role");
    }
    RETURN_IF_ERROR(connection.Run(ctx, "ALTER ROLE " + statement.sql.substr(kCreate.size())));
    return connection.Run(ctx, "COMMENT ON ROLE " + Identifier(statement.id.name) + " IS NULL");
  };
  return LoadUserText(ctx, spec, source, actions);
}

}  // namespace dbagent::datastore::postgresql
