#include "datastores/postgresql/loader_roles.h"

#include "agent/base/kill_point.h"
#include "agent/base/pause.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kPause(100);
constexpr std::chrono::milliseconds kReleaseBudget = std::chrono::seconds(10);
constexpr int kMostPauses = 6000;  // ten minutes

constexpr std::string_view kStandInMark = "dbagent: stands in for a role that is missing at a load";
constexpr std::string_view kKeptMark =
    "dbagent: made at a load, since an owner or a holder of rights was missing; alter it to log in";
constexpr const char* kPowerless =
    " NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL";

// Keys of advisory locks of the maintenance database.
std::string SlotKey(int slot) {
  return fmt::format("(hashtext('dbagent-loader'), {})", slot);
}
constexpr const char* kStandInKey = "(hashtext('dbagent-stand-in'), hashtext($1))";

Status RunAll(const OpContext& ctx, Connection& connection, const std::string& query,
              const std::string& parameter) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, query, {parameter}));
  for (std::size_t row = 0; row < rows.size(); ++row)
    RETURN_IF_ERROR(connection.Run(ctx, rows.Text(row, 0)));
  return Ok();
}

// What code that ran as the role, or somebody with CREATEROLE, may have left: it must neither
// change what the next load's statements mean nor reach other roles.
Status CleanRole(const OpContext& ctx, Connection& connection, const std::string& oid,
                 std::uint32_t major) {
  RETURN_IF_ERROR(RunAll(ctx, connection,
                         "SELECT format('ALTER DATABASE %I OWNER TO %I', datname, '" +
                             std::string(kOwnerRole) + "') FROM pg_database WHERE datdba = $1::oid",
                         oid));
  RETURN_IF_ERROR(RunAll(
      ctx, connection,
      "SELECT format('ALTER ROLE %I', r.rolname) || coalesce(format(' IN DATABASE %I', d.datname), "
      "'') || ' RESET ALL' FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT "
      "JOIN pg_database d ON d.oid = s.setdatabase WHERE s.setrole = $1::oid",
      oid));
  const std::string grantor =
      MembershipHasGrantor(major) ? "format(' GRANTED BY %I', o.rolname)" : "''";
  return RunAll(ctx, connection,
                "SELECT format('REVOKE %I FROM %I', g.rolname, u.rolname) || coalesce(" + grantor +
                    ", '') || ' CASCADE' FROM pg_auth_members m JOIN pg_roles g ON g.oid = "
                    "m.roleid JOIN pg_roles u ON u.oid = m.member LEFT JOIN pg_roles o ON o.oid = "
                    "m.grantor WHERE $1::oid IN (m.roleid, m.member)",
                oid);
}

// Unless it has become somebody's or a group meanwhile, or another load needs it, or it still owns
// something.
Status DropStandIn(const OpContext& ctx, Connection& connection, const std::string& role) {
  Status dropped = connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    ASSIGN_OR_RETURN(
        const Rows free,
        connection.Query(ctx, std::string("SELECT pg_try_advisory_xact_lock") + kStandInKey,
                         {role}));
    if (!free.True(0, 0)) return Ok();
    ASSIGN_OR_RETURN(
        const Rows ours,
        connection.Query(ctx,
                         "SELECT 1 FROM pg_roles WHERE rolname = $1 AND NOT rolcanlogin AND NOT "
                         "rolsuper AND shobj_description(oid, 'pg_authid') IN ($2, $3) AND NOT "
                         "EXISTS (SELECT FROM pg_auth_members WHERE oid IN (roleid, member))",
                         {role, std::string(kStandInMark), std::string(kKeptMark)}));
    return ours.empty() ? Ok() : connection.Run(ctx, "DROP ROLE " + Identifier(role));
  });
  if (HasSqlState(dropped, "2BP01")) {
    dropped.Ignore("something is still its own; a later load or drop of a database drops the role");
    return Ok();
  }
  return dropped;
}

}  // namespace

std::string LoaderRole(int slot) {
  return std::string(kLoaderPrefix) + std::to_string(slot);
}

Result<std::unique_ptr<LoaderSlot>> LoaderSlot::Take(const OpContext& ctx, Server& server,
                                                     bool superuser) {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> session,
                   server.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
  for (int pauses = 0; pauses < kMostPauses; ++pauses) {
    for (int slot = 1; slot <= kLoaderSlots; ++slot) {
      ASSIGN_OR_RETURN(const Rows got,
                       session->Query(ctx, "SELECT pg_try_advisory_lock" + SlotKey(slot)));
      if (!got.True(0, 0)) continue;
      std::unique_ptr<LoaderSlot> taken(
          new LoaderSlot(server, std::move(session), slot, superuser));
      RETURN_IF_ERROR(
          taken->Prepare(ctx).Wrap(fmt::format("unable to prepare role '{}'", taken->role())));
      return taken;
    }
    RETURN_IF_ERROR(ctx.Poll());
    Pause(ctx, kPause);
  }
  return Error(Code::kResourceExhausted, "LOADERS_BUSY",
               "unable to load: {} loads run and none ended within ten minutes", kLoaderSlots)
      .AsRetryable();
}

Status LoaderSlot::Prepare(const OpContext& ctx) {
  ctx_ = ctx;
  held_ = true;
  RETURN_IF_ERROR(EnsureOwnRoles(ctx, *session_));
  RETURN_IF_ERROR(DropLeftStandIns(ctx, *session_));
  const std::string name = Identifier(role_);
  ASSIGN_OR_RETURN(std::optional<std::string> oid, FindRole(ctx, *session_, role_));
  if (!oid) {
    RETURN_IF_ERROR(session_->Run(ctx, "CREATE ROLE " + name + " NOLOGIN"));
    ASSIGN_OR_RETURN(oid, FindRole(ctx, *session_, role_));
    if (!oid) return RoleNotFound(role_);
  }
  oid_ = *oid;
  RETURN_IF_ERROR(session_->Run(ctx, "ALTER ROLE " + name + kPowerless));
  RETURN_IF_ERROR(EndSessions(ctx));
  RETURN_IF_ERROR(CleanRole(ctx, *session_, oid_, server_.info.major));
  // its own tables' policies must not hide rows from a materialised view that is filled again
  return session_->Run(ctx, "ALTER ROLE " + name +
                                " LOGIN INHERIT BYPASSRLS CONNECTION LIMIT -1 "
                                "VALID UNTIL 'infinity'" +
                                (superuser_ ? " SUPERUSER" : ""));
}

Status LoaderSlot::StandIn(const OpContext& ctx, const std::vector<std::string>& roles) {
  for (const std::string& role : roles) {
    if (role.starts_with("pg_") || role == server_.agent()) continue;
    // first: nobody drops it from here on
    RETURN_IF_ERROR(
        session_->Run(ctx, std::string("SELECT pg_advisory_lock_shared") + kStandInKey, {role}));
    ASSIGN_OR_RETURN(
        const Rows there,
        session_->Query(ctx,
                        "SELECT coalesce(NOT rolcanlogin AND shobj_description(oid, 'pg_authid') = "
                        "$2, false), coalesce(shobj_description(oid, 'pg_authid') = $3, false) "
                        "FROM pg_roles WHERE rolname = $1",
                        {role, std::string(kStandInMark), std::string(kKeptMark)}));
    // a kept one stays locked until the slot's session ends: nobody drops it meanwhile
    if (!there.empty() && there.True(0, 1)) continue;
    if (!there.empty() && !there.True(0, 0)) {
      RETURN_IF_ERROR(session_->Run(
          ctx, std::string("SELECT pg_advisory_unlock_shared") + kStandInKey, {role}));
      continue;
    }
    stand_ins_.push_back(role);
    if (!there.empty()) continue;  // another load's too
    Status made = session_->InTransaction(ctx, [&]() -> Status {
      RETURN_IF_ERROR(session_->Run(ctx, "CREATE ROLE " + Identifier(role) + " NOLOGIN"));
      return session_->Run(ctx,
                           "COMMENT ON ROLE " + Identifier(role) + " IS " + Literal(kStandInMark));
    });
    if (HasSqlState(made, "42710") || HasSqlState(made, "23505")) continue;
    RETURN_IF_ERROR(std::move(made));
  }
  KillPoint("postgresql.load_roles_made");
  return Ok();
}

Status LoaderSlot::EndSessions(const OpContext& ctx) {
  return postgresql::EndSessions(ctx, *session_, oid_);
}

Status LoaderSlot::LockHandover(const OpContext& ctx) {
  return session_->Run(ctx, "SELECT pg_advisory_lock" + SlotKey(0));
}

Status LoaderSlot::Release(const OpContext& ctx) {
  if (!held_) return Ok();
  RETURN_IF_ERROR(session_->Run(ctx, "ALTER ROLE " + Identifier(role_) + kPowerless));
  RETURN_IF_ERROR(EndSessions(ctx));
  while (!stand_ins_.empty()) {
    const std::string role = stand_ins_.back();
    RETURN_IF_ERROR(
        session_->Run(ctx, std::string("SELECT pg_advisory_unlock_shared") + kStandInKey, {role}));
    stand_ins_.pop_back();
    RETURN_IF_ERROR(DropStandIn(ctx, *session_, role));
  }
  held_ = false;
  return Ok();  // the lock goes with the session
}

LoaderSlot::~LoaderSlot() {
  if (!held_) return;
  const OpContext ctx = ctx_.ForCleanup(kReleaseBudget);
  if (Release(ctx).ok()) return;
  // the session may be what failed
  Result<std::unique_ptr<Connection>> other =
      server_.pool.Connect(ctx, std::string(kMaintenanceDatabase));
  if (!other.ok()) return;
  (*other)
      ->Run(ctx, "ALTER ROLE " + Identifier(role_) + kPowerless)
      .Ignore("the next start, or who takes the slot next, does it");
}

Status KeepStandIn(const OpContext& ctx, Connection& connection, const std::string& role) {
  return connection.Run(ctx, "COMMENT ON ROLE " + Identifier(role) + " IS " + Literal(kKeptMark));
}

bool IsStandInMark(std::string_view comment) {
  return comment == kStandInMark || comment == kKeptMark;
}

Status DropLeftStandIns(const OpContext& ctx, Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(ctx,
                                    "SELECT rolname FROM pg_roles WHERE NOT rolcanlogin AND "
                                    "shobj_description(oid, 'pg_authid') IN ($1, $2)",
                                    {std::string(kStandInMark), std::string(kKeptMark)}));
  for (std::size_t row = 0; row < rows.size(); ++row)
    RETURN_IF_ERROR(DropStandIn(ctx, connection, rows.Text(row, 0)));
  return Ok();
}

Status DisarmLoaders(const OpContext& ctx, Connection& connection) {
  for (int slot = 1; slot <= kLoaderSlots; ++slot) {
    ASSIGN_OR_RETURN(const std::optional<std::string> oid,
                     FindRole(ctx, connection, LoaderRole(slot)));
    if (!oid) continue;
    Status disarmed = connection.InTransaction(ctx, [&]() -> Status {
      ASSIGN_OR_RETURN(const Rows got,
                       connection.Query(ctx, "SELECT pg_try_advisory_xact_lock" + SlotKey(slot)));
      if (!got.True(0, 0)) return Ok();
      RETURN_IF_ERROR(
          connection.Run(ctx, "ALTER ROLE " + Identifier(LoaderRole(slot)) + kPowerless));
      return EndSessions(ctx, connection, *oid);
    });
    RETURN_IF_ERROR(std::move(disarmed));
  }
  return Ok();
}

}  // namespace dbagent::datastore::postgresql
