#include "datastores/postgresql/dump_tail.h"

#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/settings_sql.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::size_t kWriteAt = 64U << 10U;

// A row per object that has an owner of its own: what an extension brought, a column's sequence and
// what the server makes beside a type follow another object; a multirange follows its range from
// some version on, and refuses to be asked then. Predefined roles are pinned, so pg_shdepend does
// not know what pg_database_owner owns.
constexpr std::string_view kOwners = R"sql(
WITH here(oid) AS (SELECT oid FROM pg_database WHERE datname = current_database()),
owned(classid, objid, owner) AS (
  SELECT s.classid, s.objid, s.refobjid FROM pg_shdepend s, here
    WHERE s.dbid = here.oid AND s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass
  UNION ALL SELECT 'pg_class'::regclass, oid, relowner FROM pg_class WHERE relowner = 'pg_database_owner'::regrole AND relkind IN ('r','p','v','m','S','f')
  UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc WHERE proowner = 'pg_database_owner'::regrole
  UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type WHERE typowner = 'pg_database_owner'::regrole AND typelem = 0 AND (typrelid = 0 OR (SELECT relkind FROM pg_class c WHERE c.oid = typrelid) = 'c')
  UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace WHERE nspowner = 'pg_database_owner'::regrole AND nspname <> 'public'
)
SELECT CASE WHEN t.typtype = 'm' THEN format('DO %L', format('BEGIN ALTER TYPE %s OWNER TO %I; EXCEPTION WHEN wrong_object_type THEN NULL; END', i.identity, {target}))
  ELSE format('ALTER %s %s OWNER TO %I', n.noun, i.identity, {target}) END
FROM owned o JOIN pg_roles r ON r.oid = o.owner
LEFT JOIN pg_class c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid
LEFT JOIN pg_type t ON o.classid = 'pg_type'::regclass AND t.oid = o.objid
CROSS JOIN LATERAL (SELECT CASE o.classid
  WHEN 'pg_class'::regclass THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' END
  WHEN 'pg_proc'::regclass THEN 'ROUTINE'
  WHEN 'pg_type'::regclass THEN 'TYPE'
  WHEN 'pg_namespace'::regclass THEN 'SCHEMA' WHEN 'pg_operator'::regclass THEN 'OPERATOR'
  WHEN 'pg_opclass'::regclass THEN 'OPERATOR CLASS' WHEN 'pg_opfamily'::regclass THEN 'OPERATOR FAMILY'
  WHEN 'pg_collation'::regclass THEN 'COLLATION' WHEN 'pg_conversion'::regclass THEN 'CONVERSION'
  WHEN 'pg_ts_config'::regclass THEN 'TEXT SEARCH CONFIGURATION' WHEN 'pg_ts_dict'::regclass THEN 'TEXT SEARCH DICTIONARY'
  WHEN 'pg_statistic_ext'::regclass THEN 'STATISTICS' WHEN 'pg_largeobject'::regclass THEN 'LARGE OBJECT'
  WHEN 'pg_foreign_server'::regclass THEN 'SERVER' WHEN 'pg_publication'::regclass THEN 'PUBLICATION' END AS noun) n
CROSS JOIN LATERAL pg_identify_object(o.classid, o.objid, 0) i
WHERE n.noun IS NOT NULL AND {condition}
  AND NOT starts_with(coalesce(i.schema, ''), 'pg_temp')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0)))
ORDER BY 1
)sql";

// What aclexplode() says of every object, against what an object has that its owner has just made
// (or its extension; what default privileges gave users at that moment is not the extension's): a
// row per REVOKE and GRANT; who granted it, when that is not the owner; the schema in which that
// one lacks USAGE and could not name the object. A grant comes after those that gave its grantor
// the grant option.
constexpr const char* kPrivileges = R"sql(
WITH RECURSIVE item AS (
  SELECT row_number() OVER (ORDER BY rank, ident, col) AS id, x.* FROM (
  SELECT 0 AS rank, 'DATABASE' AS noun, '' AS ident, NULL::text AS col, datdba AS owner, 0::oid AS nsp, datacl AS acl, acldefault('d', datdba) AS base FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT 1, 'SCHEMA', quote_ident(nspname), NULL, nspowner, 0, coalesce(nspacl, acldefault('n', nspowner)), CASE WHEN nspname = 'public' THEN acldefault('n', nspowner) || makeaclitem(0, nspowner, 'USAGE', false) ELSE coalesce(p.initprivs, acldefault('n', nspowner)) END
    FROM pg_namespace n LEFT JOIN pg_init_privs p ON p.classoid = 'pg_namespace'::regclass AND p.objoid = n.oid WHERE (nspacl IS NOT NULL OR nspname = 'public') AND NOT starts_with(nspname, 'pg_temp') AND NOT starts_with(nspname, 'pg_toast') AND nspname <> 'information_schema'
  UNION ALL
  SELECT 2, 'LANGUAGE', quote_ident(lanname), NULL, lanowner, 0, lanacl, coalesce(p.initprivs, acldefault('l', lanowner))
    FROM pg_language l LEFT JOIN pg_init_privs p ON p.classoid = 'pg_language'::regclass AND p.objoid = l.oid WHERE lanacl IS NOT NULL
  UNION ALL
  SELECT 2, 'FOREIGN DATA WRAPPER', quote_ident(fdwname), NULL, fdwowner, 0, fdwacl, coalesce(p.initprivs, acldefault('F', fdwowner))
    FROM pg_foreign_data_wrapper f LEFT JOIN pg_init_privs p ON p.classoid = 'pg_foreign_data_wrapper'::regclass AND p.objoid = f.oid WHERE fdwacl IS NOT NULL
  UNION ALL
  SELECT 2, 'FOREIGN SERVER', quote_ident(srvname), NULL, srvowner, 0, srvacl, coalesce(p.initprivs, acldefault('S', srvowner))
    FROM pg_foreign_server s LEFT JOIN pg_init_privs p ON p.classoid = 'pg_foreign_server'::regclass AND p.objoid = s.oid WHERE srvacl IS NOT NULL
  UNION ALL
  SELECT 2, 'LARGE OBJECT', l.oid::text, NULL, lomowner, 0, lomacl, acldefault('L', lomowner) FROM pg_largeobject_metadata l WHERE lomacl IS NOT NULL
  UNION ALL
  SELECT 2, 'TYPE', (pg_identify_object('pg_type'::regclass, t.oid, 0)).identity, NULL, typowner, typnamespace, typacl, coalesce(p.initprivs, acldefault('T', typowner))
    FROM pg_type t LEFT JOIN pg_init_privs p ON p.classoid = 'pg_type'::regclass AND p.objoid = t.oid WHERE typacl IS NOT NULL
  UNION ALL
  SELECT 2, 'ROUTINE', (pg_identify_object('pg_proc'::regclass, f.oid, 0)).identity, NULL, proowner, pronamespace, proacl, coalesce(p.initprivs, acldefault('f', proowner))
    FROM pg_proc f LEFT JOIN pg_init_privs p ON p.classoid = 'pg_proc'::regclass AND p.objoid = f.oid WHERE proacl IS NOT NULL
  UNION ALL
  SELECT 2, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, (pg_identify_object('pg_class'::regclass, c.oid, 0)).identity, NULL, relowner, relnamespace, relacl,
    coalesce(p.initprivs, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM pg_class c LEFT JOIN pg_init_privs p ON p.classoid = 'pg_class'::regclass AND p.objoid = c.oid AND p.objsubid = 0 WHERE relacl IS NOT NULL AND relkind IN ('r','p','v','m','f','S') AND relpersistence <> 't'
  UNION ALL
  SELECT 3, 'TABLE', (pg_identify_object('pg_class'::regclass, c.oid, 0)).identity, quote_ident(attname), relowner, relnamespace, attacl, p.initprivs
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_init_privs p ON p.classoid = 'pg_class'::regclass AND p.objoid = c.oid AND p.objsubid = a.attnum
    WHERE attacl IS NOT NULL AND NOT attisdropped AND relkind IN ('r','p','v','m','f') AND relpersistence <> 't'
  ) x WHERE nsp <> 'information_schema'::regnamespace
), wanted AS (
  SELECT i.id, a.* FROM item i, aclexplode(i.acl) a WHERE i.noun <> 'DATABASE' OR a.grantee <> 0
), base AS (
  SELECT i.id, a.* FROM item i, aclexplode(i.base) a WHERE (i.noun <> 'DATABASE' OR a.grantee <> 0)
    AND (a.grantee = i.owner OR a.grantee < 16384)
), chain(id, role, word, level) AS (
  SELECT w.id, w.grantee, w.privilege_type, 1 FROM wanted w JOIN item i USING (id) WHERE w.grantor = i.owner AND w.is_grantable
  UNION SELECT w.id, w.grantee, w.privilege_type, c.level + 1 FROM wanted w JOIN chain c ON c.id = w.id AND c.role = w.grantor AND c.word = w.privilege_type
    WHERE w.is_grantable AND c.level < 50
), change AS (
  SELECT id, 0 AS level, NULL::oid AS grantor, grantee, false AS is_grantable, privilege_type AS word FROM (SELECT * FROM base EXCEPT SELECT * FROM wanted) b
  UNION ALL
  SELECT g.id, CASE WHEN g.grantor = i.owner THEN 1 ELSE 1 + coalesce((SELECT min(level) FROM chain c WHERE c.id = g.id AND c.role = g.grantor AND c.word = g.privilege_type), 1) END,
    nullif(g.grantor, i.owner), g.grantee, g.is_grantable, g.privilege_type
  FROM (SELECT * FROM wanted EXCEPT SELECT * FROM base) g JOIN item i USING (id)
), statement AS (
  SELECT c.id, c.level, i.rank, i.nsp, c.grantor, i.noun, CASE WHEN c.level = 0 THEN 'REVOKE ' ELSE 'GRANT ' END
    || string_agg(c.word || coalesce(' (' || i.col || ')', ''), ', ' ORDER BY c.word) || ' ON ' || i.noun || ' ' AS head, i.ident,
    CASE WHEN c.level = 0 THEN ' FROM ' ELSE ' TO ' END || CASE WHEN c.grantee = 0 THEN 'PUBLIC' ELSE (SELECT quote_ident(rolname) FROM pg_roles r WHERE r.oid = c.grantee) END
    || CASE WHEN c.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS tail
  FROM change c JOIN item i USING (id) GROUP BY c.id, c.level, i.rank, i.nsp, c.grantor, i.noun, i.ident, c.grantee, c.is_grantable
)
SELECT CASE WHEN noun = 'DATABASE' THEN 'DO ' || quote_literal(format('BEGIN EXECUTE pg_catalog.format(%L, pg_catalog.current_database()); END', replace(head, '%', '%%') || '%I' || replace(tail, '%', '%%'))) ELSE head || ident || tail END,
  (SELECT quote_ident(rolname) FROM pg_roles r WHERE r.oid = s.grantor),
  CASE WHEN s.grantor IS NOT NULL AND nsp <> 0 AND NOT has_schema_privilege(s.grantor, nsp, 'USAGE') THEN (SELECT quote_ident(nspname) FROM pg_namespace n WHERE n.oid = nsp) END
FROM statement s WHERE tail IS NOT NULL ORDER BY id, level, 2 NULLS FIRST, 1
)sql";

constexpr const char* kDefaultPrivileges = R"sql(
WITH item AS (
  SELECT d.oid AS id, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', r.rolname) || coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') AS head,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS noun,
    defaclacl AS acl, CASE WHEN defaclnamespace = 0 THEN acldefault(CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype END, defaclrole) END AS base
  FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
  WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_default_acl'::regclass AND e.objid = d.oid AND e.deptype = 'e')
), wanted AS (SELECT i.id, a.grantee, a.privilege_type, a.is_grantable FROM item i, aclexplode(i.acl) a
), base AS (SELECT i.id, a.grantee, a.privilege_type, a.is_grantable FROM item i, aclexplode(i.base) a
), change AS (
  SELECT *, false AS give FROM (SELECT * FROM base EXCEPT SELECT * FROM wanted) b
  UNION ALL SELECT *, true FROM (SELECT * FROM wanted EXCEPT SELECT * FROM base) w
)
SELECT i.head || CASE WHEN give THEN ' GRANT ' ELSE ' REVOKE ' END || string_agg(privilege_type, ', ' ORDER BY privilege_type) || ' ON ' || noun
  || CASE WHEN give THEN ' TO ' ELSE ' FROM ' END || CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE (SELECT quote_ident(rolname) FROM pg_roles r WHERE r.oid = grantee) END
  || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM change c JOIN item i USING (id) GROUP BY i.id, head, noun, give, grantee, is_grantable ORDER BY i.id, give, 1
)sql";

// Settings and the comment of the database itself, which a load may give another name.
const std::string kDatabase =
    "WITH here AS (SELECT oid FROM pg_database WHERE datname = current_database()), part(head, "
    "tail) AS ("
    "SELECT 'ALTER DATABASE %I SET ' , " +
    SettingSql("c.line") +
    " FROM pg_db_role_setting s JOIN here ON here.oid = s.setdatabase CROSS JOIN "
    "unnest(s.setconfig) c(line) WHERE s.setrole = 0 UNION ALL "
    "SELECT 'ALTER ROLE ' || replace(quote_ident(r.rolname), '%', '%%') || ' IN DATABASE %I SET ', "
    "" +
    SettingSql("c.line") +
    " FROM pg_db_role_setting s JOIN here ON here.oid = s.setdatabase JOIN pg_roles r ON r.oid = "
    "s.setrole CROSS JOIN unnest(s.setconfig) c(line) WHERE NOT r.rolsuper AND NOT " +
    IsOwnRole("r.rolname") +
    " UNION ALL SELECT 'COMMENT ON DATABASE %I IS ', quote_literal(shobj_description(oid, "
    "'pg_database')) FROM here WHERE shobj_description(oid, 'pg_database') IS NOT NULL) "
    "SELECT 'DO ' || quote_literal(format('BEGIN EXECUTE pg_catalog.format(%L, "
    "pg_catalog.current_database()); END', head || replace(tail, '%', '%%'))) FROM part ORDER BY 1";

// Collects statements and passes them on in pieces.
class Writer {
 public:
  Writer(const OpContext& ctx, stream::Sink& sink) : ctx_(ctx), sink_(sink) {}
  Status Add(const std::string& statement) {
    text_ += statement + ";\n";
    return text_.size() < kWriteAt ? Ok() : Flush();
  }
  Status Flush() {
    Status written = sink_.Write(ctx_, AsBytes(text_));
    text_.clear();
    return written;
  }

 private:
  const OpContext& ctx_;
  stream::Sink& sink_;
  std::string text_;
};

Status WritePrivilege(Writer& writer, const Rows& rows, std::size_t row) {
  if (rows.IsNull(row, 1)) return writer.Add(rows.Text(row, 0));
  const std::string grantor = rows.Text(row, 1);
  const std::string schema = rows.Text(row, 2);
  if (!schema.empty())
    RETURN_IF_ERROR(writer.Add("GRANT USAGE ON SCHEMA " + schema + " TO " + grantor));
  RETURN_IF_ERROR(writer.Add("SET SESSION AUTHORIZATION " + grantor));
  RETURN_IF_ERROR(writer.Add(rows.Text(row, 0)));
  RETURN_IF_ERROR(writer.Add("RESET SESSION AUTHORIZATION"));
  if (schema.empty()) return Ok();
  return writer.Add("REVOKE USAGE ON SCHEMA " + schema + " FROM " + grantor);
}

std::string Owners(std::string_view condition, std::string_view target) {
  std::string sql(kOwners);
  const auto put = [&sql](std::string_view mark, std::string_view text) {
    for (std::size_t at = sql.find(mark); at != std::string::npos; at = sql.find(mark, at))
      sql.replace(at, mark.size(), text);
  };
  put("{condition}", condition);
  put("{target}", target);
  return sql;
}

}  // namespace

Status WriteTail(const OpContext& ctx, Connection& connection, stream::Sink& sink) {
  Writer writer(ctx, sink);
  RETURN_IF_ERROR(writer.Add("SET search_path = pg_catalog"));
  ASSIGN_OR_RETURN(const Rows owners,
                   connection.Query(ctx, Owners("NOT r.rolsuper AND NOT " + IsOwnRole("r.rolname"),
                                                "r.rolname")));
  for (std::size_t row = 0; row < owners.size(); ++row)
    RETURN_IF_ERROR(writer.Add(owners.Text(row, 0)));
  ASSIGN_OR_RETURN(const Rows privileges, connection.Query(ctx, kPrivileges));
  for (std::size_t row = 0; row < privileges.size(); ++row)
    RETURN_IF_ERROR(WritePrivilege(writer, privileges, row));
  ASSIGN_OR_RETURN(const Rows defaults, connection.Query(ctx, kDefaultPrivileges));
  for (std::size_t row = 0; row < defaults.size(); ++row)
    RETURN_IF_ERROR(writer.Add(defaults.Text(row, 0)));
  ASSIGN_OR_RETURN(const Rows database, connection.Query(ctx, kDatabase));
  for (std::size_t row = 0; row < database.size(); ++row)
    RETURN_IF_ERROR(writer.Add(database.Text(row, 0)));
  return writer.Flush();
}

Status HandOnWhatSuperusersOwn(const OpContext& ctx, Connection& connection,
                               const std::string& agent) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(ctx, Owners("r.rolsuper AND r.rolname <> " + Literal(agent),
                                                Literal(kHeirRole))));
  for (std::size_t row = 0; row < rows.size(); ++row)
    RETURN_IF_ERROR(connection.Run(ctx, rows.Text(row, 0)));
  return Ok();
}

}  // namespace dbagent::datastore::postgresql
