#include "datastores/postgresql/user_admin.h"

#include <algorithm>

#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/user_attributes.h"

namespace dbagent::datastore::postgresql {
namespace {

Status RoleExists(const std::string& name) {
  return Error(Code::kAlreadyExists, "USER_EXISTS", "role '{}' exists", name);
}

Status CheckPassword(const Secret& password) {
  if (password.Reveal().find('\0') == std::string_view::npos) return Ok();
  return Error(Code::kInvalidArgument, "PASSWORD_INVALID",
               "unable to use a password that holds a NUL byte");
}

}  // namespace

Status CheckUserId(const UserId& id, const std::string& agent) {
  if (!id.host.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "unable to name a role '{}': PostgreSQL's roles have no host", id.name)
        .WithHint("the allowed networks of the instance say from where users may log in");
  }
  return CheckRoleName(id.name, agent);
}

Status PostgresUserAdmin::Check(const UserSpec& spec) const {
  RETURN_IF_ERROR(CheckUserId(spec.id, server_.agent()));
  RETURN_IF_ERROR(CheckPassword(spec.password));
  return CheckAttributes(spec.attributes, server_.agent());
}

Result<Page<UserInfo>> PostgresUserAdmin::List(const OpContext& ctx,
                                               const PageRequest<UserId>& page) {
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  return ReadUsers(ctx, *session, page, server_.agent());
}

Result<UserInfo> PostgresUserAdmin::Get(const OpContext& ctx, const UserId& id) {
  RETURN_IF_ERROR(CheckUserId(id, server_.agent()));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  ASSIGN_OR_RETURN(std::optional<UserInfo> info, ReadUser(ctx, *session, id.name));
  if (!info) return RoleNotFound(id.name);
  return *std::move(info);
}

Result<UserInfo> PostgresUserAdmin::Create(const OpContext& ctx, const UserSpec& spec) {
  RETURN_IF_ERROR(Check(spec));
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    UserAttributes attributes = spec.attributes;
    if (!attributes.login) attributes.login = true;
    Status status = session->InTransaction(ctx, [&]() -> Status {
      RETURN_IF_ERROR(LockForChange(ctx, *session));
      ASSIGN_OR_RETURN(const std::string password,
                       PasswordClause(*session, spec.id.name, spec.password));
      Status made = session->Run(
          ctx, "CREATE ROLE " + Identifier(spec.id.name) + AttributeClauses(attributes) + password);
      if (HasSqlState(made, "42710")) return RoleExists(spec.id.name);
      RETURN_IF_ERROR(std::move(made));
      return ReplaceMemberships(ctx, *session, server_, spec.id.name, attributes.member_of);
    });
    RETURN_IF_ERROR(
        std::move(status).Wrap(fmt::format("unable to create role '{}'", spec.id.name)));
  }
  if (spec.attributes.member_of && !spec.attributes.member_of->empty()) {
    RETURN_IF_ERROR(ExtendDefaultPrivilegesEverywhere(ctx, server_));
  }
  return Get(ctx, spec.id);
}

Result<UserInfo> PostgresUserAdmin::Update(const OpContext& ctx, const UserChange& change) {
  RETURN_IF_ERROR(CheckUserId(change.id, server_.agent()));
  if (change.new_id) RETURN_IF_ERROR(CheckUserId(*change.new_id, server_.agent()));
  if (change.password) RETURN_IF_ERROR(CheckPassword(*change.password));
  RETURN_IF_ERROR(CheckAttributes(change.attributes, server_.agent()));
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    Status status = session->InTransaction(ctx, [&] { return Change(ctx, *session, change); });
    RETURN_IF_ERROR(
        std::move(status).Wrap(fmt::format("unable to change role '{}'", change.id.name)));
  }
  if (change.attributes.member_of && !change.attributes.member_of->empty()) {
    RETURN_IF_ERROR(ExtendDefaultPrivilegesEverywhere(ctx, server_));
  }
  return Get(ctx, change.new_id.value_or(change.id));
}

Status PostgresUserAdmin::Change(const OpContext& ctx, Connection& connection,
                                 const UserChange& change) {
  RETURN_IF_ERROR(LockForChange(ctx, connection));
  ASSIGN_OR_RETURN(const std::optional<std::string> oid, FindRole(ctx, connection, change.id.name));
  if (!oid) return RoleNotFound(change.id.name);
  const std::string& name = change.new_id ? change.new_id->name : change.id.name;
  if (name != change.id.name) {
    Status renamed = connection.Run(
        ctx, "ALTER ROLE " + Identifier(change.id.name) + " RENAME TO " + Identifier(name));
    if (HasSqlState(renamed, "42710")) return RoleExists(name);
    RETURN_IF_ERROR(std::move(renamed));
  }
  std::string clauses = AttributeClauses(change.attributes);
  if (change.password) {
    ASSIGN_OR_RETURN(const std::string password,
                     PasswordClause(connection, name, *change.password));
    clauses += password;
  }
  if (!clauses.empty())
    RETURN_IF_ERROR(connection.Run(ctx, "ALTER ROLE " + Identifier(name) + clauses));
  return ReplaceMemberships(ctx, connection, server_, name, change.attributes.member_of);
}

Result<bool> PostgresUserAdmin::Drop(const OpContext& ctx, const UserId& id) {
  RETURN_IF_ERROR(CheckUserId(id, server_.agent()));
  return RemoveRole(ctx, server_, id.name);
}

Result<Secret> PostgresUserAdmin::StoredCredential(const OpContext& ctx, const UserId& id) {
  RETURN_IF_ERROR(CheckUserId(id, server_.agent()));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  ASSIGN_OR_RETURN(
      const Rows rows,
      session->Query(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", {id.name}));
  if (rows.empty()) return RoleNotFound(id.name);
  std::string stored = rows.Text(0, 0);
  Secret secret(stored);
  Wipe(stored);
  return secret;
}

}  // namespace dbagent::datastore::postgresql
