#include "datastores/postgresql/own_roles.h"

#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {

std::string CreateOwnRoles() {
  return fmt::format("CREATE ROLE {} NOLOGIN;\nCREATE ROLE {} NOLOGIN;\n", Identifier(kOwnerRole),
                     Identifier(kHeirRole));
}

Status EnsureOwnRoles(const OpContext& ctx, Connection& connection) {
  for (const std::string_view role : {kOwnerRole, kHeirRole}) {
    ASSIGN_OR_RETURN(
        const Rows there,
        connection.Query(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", {std::string(role)}));
    if (!there.empty()) continue;
    Status made = connection.Run(ctx, "CREATE ROLE " + Identifier(role) + " NOLOGIN");
    if (HasSqlState(made, "42710")) continue;  // another thread was quicker
    RETURN_IF_ERROR(std::move(made));
  }
  return Ok();
}

Status KeepWhatSuperusersOwn(const OpContext& ctx, Connection& connection, const std::string& oid,
                             const std::string& agent) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          ctx,
          "SELECT format('ALTER EVENT TRIGGER %I', evtname), true FROM pg_event_trigger WHERE "
          "evtowner = $1::oid "
          "UNION ALL SELECT format('ALTER FOREIGN DATA WRAPPER %I', fdwname), false "
          "FROM pg_foreign_data_wrapper WHERE fdwowner = $1::oid "
          "UNION ALL SELECT format('ALTER PUBLICATION %I', pubname), false FROM pg_publication p "
          "WHERE pubowner = $1::oid AND (puballtables OR EXISTS (SELECT FROM "
          "pg_publication_namespace n WHERE n.pnpubid = p.oid)) "
          "UNION ALL SELECT format('ALTER SUBSCRIPTION %I', subname), false FROM pg_subscription s "
          "JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database() WHERE "
          "subowner = $1::oid",
          {oid}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.True(row, 1)) RETURN_IF_ERROR(connection.Run(ctx, rows.Text(row, 0) + " DISABLE"));
    RETURN_IF_ERROR(connection.Run(ctx, rows.Text(row, 0) + " OWNER TO " + Identifier(agent)));
  }
  return Ok();
}

Status HandOn(const OpContext& ctx, Connection& connection, const std::string& role,
              const std::string& to) {
  RETURN_IF_ERROR(
      connection.Run(ctx, "REASSIGN OWNED BY " + Identifier(role) + " TO " + Identifier(to)));
  return connection.Run(ctx, "DROP OWNED BY " + Identifier(role));
}

Status HandOnToHeir(const OpContext& ctx, Connection& connection, const std::string& role) {
  const std::string heir = Identifier(kHeirRole);
  RETURN_IF_ERROR(HandOn(ctx, connection, role, std::string(kHeirRole)));
  // foreign keys are checked, and views read, as the tables' owner
  ASSIGN_OR_RETURN(
      const Rows schemas,
      connection.Query(
          ctx,
          "SELECT DISTINCT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON "
          "n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = $1 AND "
          "NOT starts_with(n.nspname, 'pg_') AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE')",
          {std::string(kHeirRole)}));
  for (std::size_t row = 0; row < schemas.size(); ++row) {
    RETURN_IF_ERROR(
        connection.Run(ctx, "GRANT USAGE ON SCHEMA " + schemas.Text(row, 0) + " TO " + heir));
  }
  return Ok();
}

}  // namespace dbagent::datastore::postgresql
