#include "datastores/postgresql/roles.h"

#include "agent/base/kill_point.h"
#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr int kAttempts = 3;  // a session that came in between may have made something

// Databases (the maintenance one too) in which the role owns anything or is named in any privilege.
Result<std::vector<std::string>> PlacesOf(const OpContext& ctx, Connection& connection,
                                          const std::string& oid) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx,
                       "SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = "
                       "s.dbid WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid",
                       {oid}));
  std::vector<std::string> places;
  for (std::size_t row = 0; row < rows.size(); ++row) places.push_back(rows.Text(row, 0));
  return places;
}

// What the role owns here becomes the heir's, its rights here and on shared objects go.
Status GiveUp(const OpContext& ctx, Connection& connection, const Server& server,
              const std::string& role, const std::string& oid) {
  return connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    // databases first: REASSIGN would give them to the heir
    ASSIGN_OR_RETURN(
        const Rows databases,
        connection.Query(ctx, "SELECT datname FROM pg_database WHERE datdba = $1::oid", {oid}));
    for (std::size_t row = 0; row < databases.size(); ++row) {
      RETURN_IF_ERROR(connection.Run(ctx, "ALTER DATABASE " + Identifier(databases.Text(row, 0)) +
                                              " OWNER TO " + Identifier(kOwnerRole)));
    }
    RETURN_IF_ERROR(KeepWhatSuperusersOwn(ctx, connection, oid, server.agent()));
    return HandOnToHeir(ctx, connection, role);
  });
}

Status RemoveOnce(const OpContext& ctx, Server& server, Connection& connection,
                  const std::string& name, const std::string& oid) {
  RETURN_IF_ERROR(EndSessions(ctx, connection, oid));
  RETURN_IF_ERROR(EnsureOwnRoles(ctx, connection));
  RETURN_IF_ERROR(GiveUp(ctx, connection, server, name, oid));
  KillPoint("postgresql.role_gave_up_shared");
  ASSIGN_OR_RETURN(const std::vector<std::string> places, PlacesOf(ctx, connection, oid));
  for (const std::string& place : places) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> inside, server.pool.Connect(ctx, place));
    RETURN_IF_ERROR(GiveUp(ctx, *inside, server, name, oid));
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
