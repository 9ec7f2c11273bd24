#include "datastores/postgresql/load_guard.h"

#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE "dbagent-load".wanted (extension name PRIMARY KEY, place name))sql";

// Again and again until nothing more can be made: one may need another, or lie in another's schema.
// session_replication_role keeps these triggers from firing for what the scripts do.
constexpr const char* kExtensions = R"sql(
CREATE FUNCTION "dbagent-load".extensions() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET session_replication_role = replica SET check_function_bodies = on AS $guard$
DECLARE
  loader oid := {loader};
  made bool := true;
  stack text;
  w record;
  o record;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF strpos(stack, chr(10)) > 0 OR EXISTS (SELECT FROM pg_proc WHERE proowner = loader) THEN
    RETURN;  -- too late to be safe; then the loader may make what is trusted
  END IF;
  WHILE made LOOP
    made := false;
    FOR w IN SELECT extension, place FROM "dbagent-load".wanted
      JOIN pg_available_extensions a ON a.name = extension AND installed_version IS NULL
      JOIN pg_available_extension_versions v ON v.name = extension AND v.version = default_version
      JOIN pg_namespace n ON n.nspname = place
      WHERE NOT EXISTS (SELECT FROM unnest(v.requires) r WHERE r NOT IN (SELECT extname FROM pg_extension))
    LOOP
      EXECUTE format('CREATE EXTENSION %I SCHEMA %I', w.extension, w.place);
      made := true;
      UPDATE pg_extension SET extowner = loader WHERE extname = w.extension;
      FOR o IN SELECT c.relkind, i.identity FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t,
          pg_identify_object('pg_class'::regclass, t, 0) i WHERE e.extname = w.extension
      LOOP
        EXECUTE format('GRANT ALL ON %s %s TO {role}', CASE o.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, o.identity);
      END LOOP;
      FOR o IN SELECT f.fdwname FROM pg_foreign_data_wrapper f JOIN pg_depend d ON d.classid = 'pg_foreign_data_wrapper'::regclass
          AND d.objid = f.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = w.extension
      LOOP
        EXECUTE format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO {role}', o.fdwname);
      END LOOP;
    END LOOP;
  END LOOP;
END $guard$)sql";

// Not with a search_path of its own, since it looks at the session's: every name is qualified. The
// stack of a statement that nothing called has one line, this function's.
constexpr const char* kGuard = R"sql(
CREATE FUNCTION "dbagent-load".guard() RETURNS event_trigger LANGUAGE plpgsql AS $guard$
DECLARE
  stack pg_catalog.text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF pg_catalog.strpos(stack, pg_catalog.chr(10)) OPERATOR(pg_catalog.>) 0 THEN
    RAISE EXCEPTION 'code that a load calls may not change the schema (%)', tg_tag;
  END IF;
  IF pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>) ALL (ARRAY['', '""'])
      OR pg_catalog.current_setting('standard_conforming_strings') OPERATOR(pg_catalog.<>) 'on' THEN
    RAISE EXCEPTION 'code that a load calls may not change search_path or standard_conforming_strings';
  END IF;
END $guard$)sql";

std::string Filled(std::string sql, std::string_view mark, const std::string& text) {
  for (std::size_t at = sql.find(mark); at != std::string::npos; at = sql.find(mark, at))
    sql.replace(at, mark.size(), text);
  return sql;
}

}  // namespace

Status InstallGuard(const OpContext& ctx, Connection& connection, const GuardSpec& spec) {
  ASSIGN_OR_RETURN(const Rows role,
                   connection.Query(ctx,
                                    "SELECT quote_ident(rolname) FROM pg_roles WHERE oid = "
                                    "$1::oid",
                                    {spec.loader_oid}));
  return connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(connection.Run(ctx, "CREATE SCHEMA \"dbagent-load\""));
    RETURN_IF_ERROR(connection.Run(ctx, kTables));
    for (const DumpedExtension& extension : spec.extensions) {
      RETURN_IF_ERROR(connection.Run(ctx, "INSERT INTO \"dbagent-load\".wanted VALUES ($1, $2)",
                                     {extension.name, extension.schema}));
    }
    RETURN_IF_ERROR(connection.Run(
        ctx, Filled(Filled(kExtensions, "{loader}", spec.loader_oid), "{role}", role.Text(0, 0))));
    // triggers of one event fire in the order of their names
    RETURN_IF_ERROR(connection.Run(
        ctx,
        "CREATE EVENT TRIGGER \"dbagent-load-extensions\" ON ddl_command_start WHEN TAG IN "
        "('CREATE EXTENSION') EXECUTE FUNCTION \"dbagent-load\".extensions()"));
    if (spec.trusts_code) return Ok();
    RETURN_IF_ERROR(connection.Run(ctx, kGuard));
    return connection.Run(ctx,
                          "CREATE EVENT TRIGGER \"dbagent-load-guard\" ON ddl_command_start "
                          "EXECUTE FUNCTION \"dbagent-load\".guard()");
  });
}

Status RemoveGuard(const OpContext& ctx, Connection& connection, const GuardSpec& spec) {
  RETURN_IF_ERROR(connection.Run(ctx, "DROP EVENT TRIGGER \"dbagent-load-extensions\""));
  if (!spec.trusts_code)
    RETURN_IF_ERROR(connection.Run(ctx, "DROP EVENT TRIGGER \"dbagent-load-guard\""));
  RETURN_IF_ERROR(connection.Run(ctx, "DROP SCHEMA \"dbagent-load\" CASCADE"));
  // there is no ALTER EXTENSION … OWNER TO; the trigger changed the column alone, so that only a
  // new owner who is no superuser needs a dependency
  for (const DumpedExtension& extension : spec.extensions) {
    if (extension.owner.empty()) continue;
    RETURN_IF_ERROR(connection.Run(
        ctx,
        "WITH given AS (UPDATE pg_extension e SET extowner = r.oid FROM pg_roles r WHERE extname = "
        "$1 AND r.rolname = $2 AND NOT r.rolsuper AND e.extowner = $3::oid RETURNING e.oid, r.oid "
        "AS owner) INSERT INTO pg_shdepend SELECT d.oid, 'pg_extension'::regclass, g.oid, 0, "
        "'pg_authid'::regclass, g.owner, 'o' FROM given g, pg_database d WHERE d.datname = "
        "current_database() AND NOT EXISTS (SELECT FROM pg_shdepend s WHERE s.dbid = d.oid AND "
        "s.classid = 'pg_extension'::regclass AND s.objid = g.oid AND s.deptype = 'o')",
        {extension.name, extension.owner, spec.loader_oid}));
  }
  return connection.Run(
      ctx,
      "UPDATE pg_extension e SET extowner = r.oid FROM pg_roles r WHERE r.rolname = session_user "
      "AND e.extowner = $1::oid AND NOT EXISTS (SELECT FROM pg_shdepend s JOIN pg_database d ON "
      "d.oid = s.dbid WHERE d.datname = current_database() AND s.classid = "
      "'pg_extension'::regclass AND s.objid = e.oid AND s.deptype = 'o')",
      {spec.loader_oid});
}

}  // namespace dbagent::datastore::postgresql
