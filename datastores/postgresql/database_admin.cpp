#include "datastores/postgresql/database_admin.h"

#include <charconv>

#include "agent/base/ids.h"
#include "agent/base/kill_point.h"
#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kCleanupBudget = std::chrono::seconds(10);

// Of every database that a user may see; `size` stands for a column.
std::string Select(const std::string& size) {
  // nobody's databases, which Create or a dropped owner left, show no owner
  return "SELECT d.datname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, "
         "CASE WHEN r.rolname = session_user OR " +
         IsOwnRole("r.rolname") + " THEN '' ELSE r.rolname END, d.datconnlimit, " + size +
         " FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba "
         "WHERE d.datname NOT IN ('postgres', 'template0', 'template1') AND NOT "
         "starts_with(d.datname, " +
         Literal(kUnfinishedPrefix) + ")";
}

template <typename Number>
Number ToNumber(const std::string& text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

DatabaseInfo ReadInfo(const Rows& rows, std::size_t row) {
  DatabaseInfo info;
  info.name = rows.Text(row, 0);
  info.character_set = rows.Text(row, 1);
  info.collation = rows.Text(row, 2);
  info.ctype = rows.Text(row, 3);
  info.owner = rows.Text(row, 4);
  info.connection_limit = ToNumber<std::int32_t>(rows.Text(row, 5));
  if (!rows.IsNull(row, 6)) info.size_bytes = ToNumber<std::uint64_t>(rows.Text(row, 6));
  return info;
}

Status NotFound(const std::string& name) {
  return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "no database '{}'", name);
}
Status NoOwner(const std::string& owner) {
  return Error(Code::kNotFound, "USER_NOT_FOUND", "no role '{}' to own the database", owner);
}
Status Exists(const std::string& name) {
  return Error(Code::kAlreadyExists, "DATABASE_EXISTS", "database '{}' exists", name);
}

Status CheckLimit(std::optional<std::int32_t> limit) {
  if (!limit || *limit >= -1) return Ok();
  return Error(Code::kInvalidArgument, "FIELD_INVALID", "a connection limit of {} is none", *limit)
      .WithHint("-1 means no limit");
}

Status CheckOwner(const std::string& owner, const std::string& agent) {
  return owner.empty() || owner == agent ? Ok() : CheckRoleName(owner, agent);
}

// The server's refusals of CREATE DATABASE that have a reason of their own.
Status Explain(Status status, const DatabaseSpec& spec) {
  if (HasSqlState(status, "42704") && !spec.character_set.empty()) {
    return Error(Code::kInvalidArgument, "CHARACTER_SET_UNKNOWN", "unknown encoding '{}'",
                 spec.character_set)
        .WithCause(status);
  }
  if (HasSqlState(status, "42809") || HasSqlState(status, "22023")) {
    return Error(Code::kInvalidArgument, "COLLATION_UNKNOWN",
                 "no locale '{}' that fits the encoding",
                 spec.ctype.empty() ? spec.collation : spec.ctype)
        .WithCause(status)
        .WithHint("`locale -a` on the instance lists the locales; C fits every encoding");
  }
  return status;
}

// The agent's own role too stands for nobody: a superuser must not own what users fill.
std::string OwnerOr(const std::string& owner, const std::string& agent) {
  return Identifier(owner.empty() || owner == agent ? kOwnerRole : owner);
}

std::string CreateStatement(const std::string& name, const DatabaseSpec& spec,
                            const std::string& agent) {
  std::string sql = "CREATE DATABASE " + Identifier(name) + " OWNER " + OwnerOr(spec.owner, agent);
  std::string collation = spec.collation;
  // C fits every encoding, the server's own default C.UTF-8 only UTF8
  if (collation.empty() && !spec.character_set.empty() && spec.character_set != "UTF8")
    collation = "C";
  const std::string ctype = spec.ctype.empty() ? collation : spec.ctype;
  if (!spec.character_set.empty()) sql += " ENCODING " + Literal(spec.character_set);
  if (!collation.empty()) sql += " LC_COLLATE " + Literal(collation);
  if (!ctype.empty()) sql += " LC_CTYPE " + Literal(ctype);
  // only template0 may be copied with another encoding or locale
  if (!spec.character_set.empty() || !ctype.empty()) sql += " TEMPLATE template0";
  if (spec.connection_limit) sql += fmt::format(" CONNECTION LIMIT {}", *spec.connection_limit);
  return sql;
}

bool HasNul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

}  // namespace

Status PostgresDatabaseAdmin::Check(const DatabaseSpec& spec) const {
  RETURN_IF_ERROR(CheckDatabaseName(spec.name));
  RETURN_IF_ERROR(CheckOwner(spec.owner, server_.agent()));
  if (HasNul(spec.character_set)) {
    return Error(Code::kInvalidArgument, "CHARACTER_SET_UNKNOWN",
                 "the encoding's name holds a NUL byte");
  }
  if (HasNul(spec.collation) || HasNul(spec.ctype)) {
    return Error(Code::kInvalidArgument, "COLLATION_UNKNOWN", "the locale's name holds a NUL byte");
  }
  return CheckLimit(spec.connection_limit);
}

Result<Page<DatabaseInfo>> PostgresDatabaseAdmin::List(const OpContext& ctx,
                                                       const PageRequest<std::string>& page,
                                                       bool with_size) {
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  // compared as bytes in hexadecimal: the key may be any text, also one that is no name
  const std::string key = page.start_after ? ToHex(AsBytes(*page.start_after)) : "";
  // the size is volatile, so the server asks for it only of the rows that it answers
  const std::string sql =
      Select(with_size ? "pg_database_size(d.oid)" : "NULL") +
      " AND ($1 = 'f' OR convert_to(d.datname::text, 'UTF8') > decode($2, 'hex')) "
      "ORDER BY d.datname::text COLLATE \"C\" LIMIT $3::bigint";
  ASSIGN_OR_RETURN(const Rows rows, session->Query(ctx, sql,
                                                   {page.start_after ? "t" : "f", key,
                                                    std::to_string(page.limit + 1)}));
  Page<DatabaseInfo> answer;
  for (std::size_t row = 0; row < rows.size() && row < page.limit; ++row) {
    answer.items.push_back(ReadInfo(rows, row));
  }
  answer.more = rows.size() > page.limit;
  return answer;
}

Result<DatabaseInfo> PostgresDatabaseAdmin::Get(const OpContext& ctx, const std::string& name) {
  RETURN_IF_ERROR(CheckDatabaseName(name));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  ASSIGN_OR_RETURN(const Rows rows,
                   session->Query(ctx, Select("NULL") + " AND d.datname = $1", {name}));
  if (rows.empty()) return NotFound(name);
  return ReadInfo(rows, 0);
}

Result<DatabaseInfo> PostgresDatabaseAdmin::Create(const OpContext& ctx, const DatabaseSpec& spec) {
  RETURN_IF_ERROR(Check(spec));
  return CreateChecked(ctx, spec);
}

Result<DatabaseInfo> PostgresDatabaseAdmin::CreateFor(const OpContext& ctx, DatabaseSpec spec,
                                                      const std::string& role) {
  RETURN_IF_ERROR(Check(spec));
  spec.owner = role;
  return CreateChecked(ctx, spec);
}

Result<DatabaseInfo> PostgresDatabaseAdmin::CreateChecked(const OpContext& ctx,
                                                          const DatabaseSpec& spec) {
  const std::string wrap = fmt::format("unable to create database '{}'", spec.name);
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(
        const Rows there,
        session->Query(ctx, "SELECT 1 FROM pg_database WHERE datname = $1", {spec.name}));
    if (!there.empty()) return Exists(spec.name).Wrap(wrap);
    if (!spec.owner.empty()) {
      ASSIGN_OR_RETURN(
          const Rows owner,
          session->Query(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", {spec.owner}));
      if (owner.empty()) return NoOwner(spec.owner).Wrap(wrap);
    }
    RETURN_IF_ERROR(EnsureOwnRoles(ctx, *session).Wrap(wrap));
    RETURN_IF_ERROR(Make(ctx, *session, spec).Wrap(wrap));
  }
  return Get(ctx, spec.name);
}

Status PostgresDatabaseAdmin::Make(const OpContext& ctx, Connection& connection,
                                   const DatabaseSpec& spec) {
  RETURN_IF_ERROR(DropUnfinished(ctx, connection));
  // A lock of the session shows other threads' DropUnfinished that this one is being worked on.
  const std::string unfinished = std::string(kUnfinishedPrefix) + NewUuid();
  RETURN_IF_ERROR(connection.Run(ctx, "SELECT pg_advisory_lock(hashtext('dbagent'), hashtext($1))",
                                 {unfinished}));
  Status status = connection.Run(ctx, CreateStatement(unfinished, spec, server_.agent()));
  if (status.ok()) {
    KillPoint("postgresql.database_unfinished");
    status = connection.InTransaction(ctx, [&]() -> Status {
      const std::string name = Identifier(unfinished);
      RETURN_IF_ERROR(
          connection.Run(ctx, "REVOKE CONNECT, TEMPORARY ON DATABASE " + name + " FROM PUBLIC"));
      return connection.Run(ctx, "ALTER DATABASE " + name + " RENAME TO " + Identifier(spec.name));
    });
  }
  const OpContext cleanup = ctx.ForCleanup(kCleanupBudget);
  connection
      .Run(cleanup, "SELECT pg_advisory_unlock(hashtext('dbagent'), hashtext($1))", {unfinished})
      .Ignore("it ends with the session");
  if (status.ok()) return status;
  // on a session of its own: this one may be what failed
  if (Result<SessionPool::Lease> other = server_.pool.Take(cleanup); other.ok()) {
    (*other)
        ->Run(cleanup, "DROP DATABASE IF EXISTS " + Identifier(unfinished) + " WITH (FORCE)")
        .Ignore("the next Create drops it");
  }
  if (HasSqlState(status, "42P04")) return Exists(spec.name);
  return Explain(std::move(status), spec);
}

Status PostgresDatabaseAdmin::DropUnfinished(const OpContext& ctx, Connection& connection) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, " +
                                Literal(kUnfinishedPrefix) + ")"));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string name = rows.Text(row, 0);
    ASSIGN_OR_RETURN(
        const Rows free,
        connection.Query(ctx, "SELECT pg_try_advisory_lock(hashtext('dbagent'), hashtext($1))",
                         {name}));
    if (!free.True(0, 0)) continue;  // another thread is at it
    Status dropped =
        connection.Run(ctx, "DROP DATABASE IF EXISTS " + Identifier(name) + " WITH (FORCE)");
    connection
        .Run(ctx.ForCleanup(kCleanupBudget),
             "SELECT pg_advisory_unlock(hashtext('dbagent'), hashtext($1))", {name})
        .Ignore("it ends with the session");
    RETURN_IF_ERROR(std::move(dropped));
  }
  return Ok();
}

Result<DatabaseInfo> PostgresDatabaseAdmin::Update(const OpContext& ctx,
                                                   const DatabaseChange& change) {
  RETURN_IF_ERROR(CheckDatabaseName(change.name));
  if (change.character_set || change.collation) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "unable to change database '{}': PostgreSQL fixes encoding and locale when a "
                 "database is made",
                 change.name);
  }
  RETURN_IF_ERROR(CheckLimit(change.connection_limit));
  if (change.owner) RETURN_IF_ERROR(CheckOwner(*change.owner, server_.agent()));
  ASSIGN_OR_RETURN(const DatabaseInfo before, Get(ctx, change.name));
  const std::string name = Identifier(change.name);
  {
    // in the database itself, since a new owner's tables must be readable for its readers from the
    // same moment
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                     server_.pool.Connect(ctx, before.name));
    Status status = connection->InTransaction(ctx, [&]() -> Status {
      RETURN_IF_ERROR(LockForChange(ctx, *connection));
      if (change.connection_limit) {
        RETURN_IF_ERROR(connection->Run(ctx, fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}",
                                                         name, *change.connection_limit)));
      }
      if (!change.owner) return Ok();
      RETURN_IF_ERROR(connection->Run(
          ctx, "ALTER DATABASE " + name + " OWNER TO " + OwnerOr(*change.owner, server_.agent())));
      return ExtendDefaultPrivileges(ctx, *connection);
    });
    if (HasSqlState(status, "42704")) status = NoOwner(change.owner.value_or(""));
    RETURN_IF_ERROR(
        std::move(status).Wrap(fmt::format("unable to change database '{}'", change.name)));
  }
  return Get(ctx, change.name);
}

Result<bool> PostgresDatabaseAdmin::Drop(const OpContext& ctx, const std::string& name) {
  RETURN_IF_ERROR(CheckDatabaseName(name));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  Status status = session->Run(ctx, "DROP DATABASE " + Identifier(name) + " WITH (FORCE)");
  if (HasSqlState(status, "3D000")) return false;
  RETURN_IF_ERROR(std::move(status).Wrap(fmt::format("unable to drop database '{}'", name)));
  // of a load that failed: they had to stay while the database named them
  RETURN_IF_ERROR(DropLeftStandIns(ctx, *session));
  return true;
}

}  // namespace dbagent::datastore::postgresql
