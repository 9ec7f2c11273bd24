#include "datastores/postgresql/roles.h"

#include "agent/base/kill_point.h"
#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr int kAttempts = 3;  // a session that came in between may have made something

struct Place {
  std::string database;
  std::string owner;
};

// Databases (the maintenance one too) in which the role owns anything or is named in any privilege.
Result<std::vector<Place>> PlacesOf(const OpContext& ctx, Connection& connection,
                                    const std::string& oid) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx,
                       "SELECT DISTINCT d.datname, o.rolname FROM pg_shdepend s "
                       "JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles o ON o.oid = d.datdba "
                       "WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid",
                       {oid}));
  std::vector<Place> places;
  for (std::size_t row = 0; row < rows.size(); ++row)
    places.push_back({rows.Text(row, 0), rows.Text(row, 1)});
  return places;
}

// What only a superuser may own (a former root's) becomes the agent's. Event triggers are switched
// off with that: they call functions that now belong to users, on behalf of whoever changes
// something, the agent too.
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

struct Leaver {
  const std::string& name;
  const std::string& oid;
  const std::string& agent;
};

// What the role owns here goes to `heir`, its rights here and on shared objects go.
Status GiveUp(const OpContext& ctx, Connection& connection, const Leaver& leaver,
              const std::string& heir) {
  const std::string& role = leaver.name;
  return connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    RETURN_IF_ERROR(KeepWhatSuperusersOwn(ctx, connection, leaver.oid, leaver.agent));
    RETURN_IF_ERROR(
        connection.Run(ctx, "REASSIGN OWNED BY " + Identifier(role) + " TO " + Identifier(heir)));
    return connection.Run(ctx, "DROP OWNED BY " + Identifier(role));
  });
}

Status RemoveOnce(const OpContext& ctx, Server& server, Connection& connection,
                  const std::string& name, const std::string& oid) {
  RETURN_IF_ERROR(EndSessions(ctx, connection, oid));
  // shared objects first: REASSIGN in a user's database would hand every database of the role to
  // that one's owner
  const Leaver leaver{name, oid, server.agent()};
  RETURN_IF_ERROR(GiveUp(ctx, connection, leaver, server.agent()));
  KillPoint("postgresql.role_gave_up_shared");
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(ctx, connection, oid));
  for (const Place& place : places) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> inside,
                     server.pool.Connect(ctx, place.database));
    RETURN_IF_ERROR(GiveUp(ctx, *inside, leaver, place.owner));
  }
  KillPoint("postgresql.role_gave_up_all");
  RETURN_IF_ERROR(connection.Run(ctx, "DROP ROLE IF EXISTS " + Identifier(name)));
  return EndSessions(ctx, connection, oid);  // one that logged in just before the end
}

}  // namespace

Status RoleNotFound(const std::string& name) {
  return Error(Code::kNotFound, "USER_NOT_FOUND", "no role '{}'", name);
}

Result<std::optional<std::string>> FindRole(const OpContext& ctx, Connection& connection,
                                            const std::string& name) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(ctx, "SELECT oid FROM pg_roles WHERE rolname = $1", {name}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows.Text(0, 0));
}

Status EndSessions(const OpContext& ctx, Connection& connection, const std::string& oid) {
  return connection.Run(
      ctx, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usesysid = $1::oid",
      {oid});
}

Result<bool> RemoveRole(const OpContext& ctx, Server& server, const std::string& name) {
  ASSIGN_OR_RETURN(SessionPool::Lease session, server.pool.Take(ctx));
  ASSIGN_OR_RETURN(const std::optional<std::string> oid, FindRole(ctx, *session, name));
  if (!oid) return false;
  for (int attempt = 1;; ++attempt) {
    Status status = RemoveOnce(ctx, server, *session, name, *oid);
    if (status.ok()) return true;
    // 2BP01: something depends on it again; 42704: another call was quicker
    if (HasSqlState(status, "42704")) return true;
    if (attempt == kAttempts || !HasSqlState(status, "2BP01")) {
      return std::move(status).Wrap(fmt::format("unable to drop role '{}'", name));
    }
  }
}

Status ExtendDefaultPrivilegesEverywhere(const OpContext& ctx, Server& server) {
  std::vector<std::string> databases;
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server.pool.Take(ctx));
    ASSIGN_OR_RETURN(databases, DatabasesWithDefaultPrivileges(ctx, *session));
  }
  for (const std::string& database : databases) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                     server.pool.Connect(ctx, database));
    Status status = connection->InTransaction(ctx, [&]() -> Status {
      RETURN_IF_ERROR(LockForChange(ctx, *connection));
      return ExtendDefaultPrivileges(ctx, *connection);
    });
    RETURN_IF_ERROR(std::move(status));
  }
  return Ok();
}

Result<std::string> PasswordClause(Connection& connection, const std::string& role,
                                   const Secret& password) {
  if (password.empty()) return std::string(" PASSWORD NULL");
  char* const hash = PQencryptPasswordConn(connection.handle(), password.RevealCString(),
                                           role.c_str(), "scram-sha-256");
  if (hash == nullptr)
    return ErrorOfConnection(connection.handle()).Wrap("unable to hash a password");
  std::string clause = " PASSWORD " + Literal(hash);
  PQfreemem(hash);
  return clause;
}

}  // namespace dbagent::datastore::postgresql
