#include "datastores/postgresql/default_privileges.h"

#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

// One row per ALTER DEFAULT PRIVILEGES that is missing: creator, kind of object, words, grantee,
// with grant option.
constexpr const char* kMissing = R"sql(
WITH RECURSIVE holder(oid) AS (
  SELECT datdba FROM pg_database WHERE datname = current_database()
  UNION SELECT a.grantee FROM pg_database d, aclexplode(d.datacl) a
    WHERE d.datname = current_database() AND a.privilege_type = 'CREATE'
  UNION SELECT nspowner FROM pg_namespace WHERE NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
  UNION SELECT a.grantee FROM pg_namespace n, aclexplode(n.nspacl) a
    WHERE NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema' AND a.privilege_type = 'CREATE'
  UNION SELECT oid FROM pg_roles WHERE rolsuper
), creator(oid) AS (
  SELECT oid FROM holder
  UNION SELECT m.member FROM pg_auth_members m JOIN creator c ON c.oid = m.roleid
), entry AS (
  SELECT d.defaclrole AS creator, d.defaclobjtype AS kind, a.grantee, a.privilege_type AS word, a.is_grantable
  FROM pg_default_acl d, aclexplode(d.defaclacl) a
  WHERE d.defaclnamespace = 0 AND a.grantee NOT IN (0, d.defaclrole)
)
SELECT c.rolname, e.kind, string_agg(e.word, ', '), g.rolname, e.is_grantable
FROM entry e
JOIN pg_roles agent ON agent.rolname = session_user AND agent.oid = e.creator
CROSS JOIN creator
JOIN pg_roles c ON c.oid = creator.oid AND NOT starts_with(c.rolname, 'pg_') AND c.rolname NOT IN ('dbagent-owner', 'dbagent-heir')
JOIN pg_roles g ON g.oid = e.grantee
WHERE creator.oid NOT IN (e.grantee, e.creator) AND NOT EXISTS (
  SELECT FROM entry o WHERE o.creator = c.oid AND o.kind = e.kind AND o.grantee = e.grantee AND o.word = e.word
    AND o.is_grantable >= e.is_grantable)
GROUP BY c.rolname, e.kind, g.rolname, e.is_grantable
)sql";

const char* Noun(const std::string& kind) {
  if (kind == "r") return "TABLES";
  if (kind == "S") return "SEQUENCES";
  if (kind == "f") return "ROUTINES";
  return kind == "n" ? "SCHEMAS" : "TYPES";
}

}  // namespace

Status ExtendDefaultPrivileges(const OpContext& ctx, Connection& connection) {
  ASSIGN_OR_RETURN(const Rows missing, connection.Query(ctx, kMissing));
  for (std::size_t row = 0; row < missing.size(); ++row) {
    RETURN_IF_ERROR(connection.Run(
        ctx, fmt::format("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} ON {} TO {}{}",
                         Identifier(missing.Text(row, 0)), missing.Text(row, 2),
                         Noun(missing.Text(row, 1)), Identifier(missing.Text(row, 3)),
                         missing.True(row, 4) ? " WITH GRANT OPTION" : "")));
  }
  return Ok();
}

Result<std::vector<std::string>> DatabasesWithDefaultPrivileges(const OpContext& ctx,
                                                                Connection& connection) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          ctx,
          "SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid "
          "WHERE s.classid = 'pg_default_acl'::regclass AND d.datallowconn"));
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows.size(); ++row) names.push_back(rows.Text(row, 0));
  return names;
}

}  // namespace dbagent::datastore::postgresql
