#include "datastores/postgresql/root_admin.h"

#include "agent/base/kill_point.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"

namespace dbagent::datastore::postgresql {
namespace {

RootState Said(bool enabled) {
  return {enabled, {std::string(kRootRole), ""}};
}

Status MakePowerless(const OpContext& ctx, Connection& connection) {
  return connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    ASSIGN_OR_RETURN(const Rows there,
                     connection.Query(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1",
                                      {std::string(kRootRole)}));
    if (there.empty()) return Ok();
    return connection.Run(ctx,
                          "ALTER ROLE root NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE "
                          "NOREPLICATION NOBYPASSRLS PASSWORD NULL");
  });
}

}  // namespace

Result<RootState> PostgresRootAdmin::State(const OpContext& ctx) {
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  ASSIGN_OR_RETURN(const Rows rows,
                   session->Query(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1 AND rolcanlogin",
                                  {std::string(kRootRole)}));
  return Said(!rows.empty());
}

Result<RootState> PostgresRootAdmin::Enable(const OpContext& ctx, const Secret& password) {
  if (password.empty() || password.Reveal().find('\0') != std::string_view::npos) {
    return Error(Code::kInvalidArgument, "PASSWORD_INVALID",
                 "unable to enable root: its password is empty or holds a NUL byte");
  }
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    Status status = session->InTransaction(ctx, [&]() -> Status {
      RETURN_IF_ERROR(LockForChange(ctx, *session));
      const std::string root(kRootRole);
      ASSIGN_OR_RETURN(const std::optional<std::string> oid, FindRole(ctx, *session, root));
      ASSIGN_OR_RETURN(const std::string clause, PasswordClause(*session, root, password));
      return session->Run(
          ctx, std::string(oid ? "ALTER" : "CREATE") +
                   " ROLE root LOGIN SUPERUSER CONNECTION LIMIT -1 VALID UNTIL 'infinity'" +
                   clause);
    });
    RETURN_IF_ERROR(std::move(status).Wrap("unable to enable root"));
  }
  // a superuser can create everywhere: who may read what is made later may read what root makes
  RETURN_IF_ERROR(ExtendDefaultPrivilegesEverywhere(ctx, server_));
  return State(ctx);
}

Result<RootState> PostgresRootAdmin::Disable(const OpContext& ctx) {
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    RETURN_IF_ERROR(MakePowerless(ctx, *session).Wrap("unable to disable root"));
    KillPoint("postgresql.root_powerless");
  }
  ASSIGN_OR_RETURN([[maybe_unused]] const bool was_there,
                   RemoveRole(ctx, server_, std::string(kRootRole)));
  return State(ctx);
}

}  // namespace dbagent::datastore::postgresql
