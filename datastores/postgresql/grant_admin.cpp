#include "datastores/postgresql/grant_admin.h"

#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/user_admin.h"

namespace dbagent::datastore::postgresql {
namespace {

const char* AllOf(Kind kind) {  // `ON ALL … IN SCHEMA`, and the noun of default privileges
  switch (kind) {
    case Kind::kTable:
      return "TABLES";
    case Kind::kSequence:
      return "SEQUENCES";
    case Kind::kRoutine:
      return "ROUTINES";
    default:
      return "SCHEMAS";
  }
}

// `GRANT a, b ON <what> TO "role" …`, or the same as REVOKE.
class Change {
 public:
  Change(bool give, std::string role, bool with_grant_option)
      : give_(give),
        tail_((give ? " TO " : " FROM ") + Identifier(role) +
              (!give ? " CASCADE" : (with_grant_option ? " WITH GRANT OPTION" : ""))) {}
  std::string On(const Rights::Words& words, const std::string& what) const {
    return (give_ ? "GRANT " : "REVOKE ") + Joined(words) + " ON " + what + tail_;
  }

 private:
  bool give_;
  std::string tail_;
};

// `"a", "b"`: the schemas that are not the server's own.
Result<std::string> UserSchemas(const OpContext& ctx, Connection& connection) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx,
                       "SELECT nspname FROM pg_namespace WHERE NOT starts_with(nspname, 'pg_') "
                       "AND nspname <> 'information_schema'"));
  std::string names;
  for (std::size_t row = 0; row < rows.size(); ++row)
    names += (names.empty() ? "" : ", ") + Identifier(rows.Text(row, 0));
  return names;
}

// What is there now.
Status ChangeObjects(const OpContext& ctx, Connection& connection, const Change& change,
                     const Rights& rights, const std::string& database) {
  if (const auto& words = rights.of(Kind::kDatabase); !words.empty()) {
    RETURN_IF_ERROR(connection.Run(ctx, change.On(words, "DATABASE " + Identifier(database))));
  }
  ASSIGN_OR_RETURN(const std::string schemas, UserSchemas(ctx, connection));
  if (schemas.empty()) return Ok();
  for (const Kind kind : kObjectKinds) {
    if (rights.of(kind).empty()) continue;
    const std::string what =
        kind == Kind::kSchema ? "SCHEMA " : fmt::format("ALL {} IN SCHEMA ", AllOf(kind));
    RETURN_IF_ERROR(connection.Run(ctx, change.On(rights.of(kind), what + schemas)));
  }
  return Ok();
}

// What `creator` makes later.
Status ChangeDefaults(const OpContext& ctx, Connection& connection, const Change& change,
                      const Rights& rights, const std::string& creator) {
  for (const Kind kind : kObjectKinds) {
    if (rights.of(kind).empty()) continue;
    RETURN_IF_ERROR(connection.Run(ctx, "ALTER DEFAULT PRIVILEGES FOR ROLE " + Identifier(creator) +
                                            " " + change.On(rights.of(kind), AllOf(kind))));
  }
  return Ok();
}

// Roles whose default privileges here name the grantee.
Result<std::vector<std::string>> CreatorsFor(const OpContext& ctx, Connection& connection,
                                             const std::string& grantee) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx,
                       "SELECT DISTINCT c.rolname FROM pg_default_acl d JOIN pg_roles c ON c.oid = "
                       "d.defaclrole, "
                       "aclexplode(d.defaclacl) a JOIN pg_roles g ON g.oid = a.grantee "
                       "WHERE d.defaclnamespace = 0 AND g.rolname = $1",
                       {grantee}));
  std::vector<std::string> creators;
  for (std::size_t row = 0; row < rows.size(); ++row) creators.push_back(rows.Text(row, 0));
  return creators;
}

}  // namespace

Status PostgresGrantAdmin::CheckNames(const UserId& user, const Grant& grant) const {
  RETURN_IF_ERROR(CheckUserId(user, server_.agent()));
  return CheckDatabaseName(grant.database);
}

Result<std::unique_ptr<Connection>> PostgresGrantAdmin::Enter(const OpContext& ctx,
                                                              const UserId& user,
                                                              const Grant& grant) const {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, grant.database));
  ASSIGN_OR_RETURN(const std::optional<std::string> oid, FindRole(ctx, *connection, user.name));
  if (!oid) return RoleNotFound(user.name);
  return connection;
}

Status PostgresGrantAdmin::GrantTo(const OpContext& ctx, const UserId& user, const Grant& grant) {
  RETURN_IF_ERROR(CheckNames(user, grant));
  ASSIGN_OR_RETURN(const Rights rights, RightsOfGrant(grant, server_.info.major));
  const std::string wrap =
      fmt::format("unable to grant on database '{}' to '{}'", grant.database, user.name);
  auto entered = Enter(ctx, user, grant);
  if (!entered.ok()) return std::move(entered).status().Wrap(wrap);
  Connection& connection = **entered;
  const Change give(true, user.name, grant.with_grant_option);
  Status status = connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    RETURN_IF_ERROR(ChangeObjects(ctx, connection, give, rights, grant.database));
    RETURN_IF_ERROR(ChangeDefaults(ctx, connection, give, rights, server_.agent()));
    return ExtendDefaultPrivileges(ctx, connection);
  });
  return std::move(status).Wrap(wrap);
}

Status PostgresGrantAdmin::RevokeFrom(const OpContext& ctx, const UserId& user,
                                      const Grant& grant) {
  RETURN_IF_ERROR(CheckNames(user, grant));
  ASSIGN_OR_RETURN(const Rights rights, RightsOfGrant(grant, server_.info.major));
  const std::string wrap =
      fmt::format("unable to revoke on database '{}' from '{}'", grant.database, user.name);
  auto entered = Enter(ctx, user, grant);
  if (!entered.ok()) return std::move(entered).status().Wrap(wrap);
  Connection& connection = **entered;
  const Change take(false, user.name, false);
  Status status = connection.InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, connection));
    RETURN_IF_ERROR(ChangeObjects(ctx, connection, take, rights, grant.database));
    ASSIGN_OR_RETURN(const std::vector<std::string> creators,
                     CreatorsFor(ctx, connection, user.name));
    for (const std::string& creator : creators) {
      RETURN_IF_ERROR(ChangeDefaults(ctx, connection, take, rights, creator));
    }
    return Ok();
  });
  return std::move(status).Wrap(wrap);
}

}  // namespace dbagent::datastore::postgresql
