#pragma once

#include "datastores/postgresql/server.h"

// What users and root have in common: finding a role, ending its sessions, taking it out of every
// database. Threads: any.
namespace dbagent::datastore::postgresql {

Status RoleNotFound(const std::string& name);
// The role's oid, or nothing.
Result<std::optional<std::string>> FindRole(const OpContext& ctx, Connection& connection,
                                            const std::string& name);
// Ends the role's sessions and waits for each (at most five seconds).
Status EndSessions(const OpContext& ctx, Connection& connection, const std::string& oid);
// Whether the role was there. Sessions end; the databases that it owns become nobody's
// (dbagent-owner's); in every database what it owns becomes dbagent-heir's and its rights go; then
// it goes. Each database is a transaction of its own: a call that fails half way has done a part,
// and the next one does the rest.
Result<bool> RemoveRole(const OpContext& ctx, Server& server, const std::string& name);
// After something that may have made a role a creator in databases (membership, superuser): lets
// those who have rights for later have them on its objects too.
Status ExtendDefaultPrivilegesEverywhere(const OpContext& ctx, Server& server);
// Sets or clears the password: `PASSWORD '…'` for CREATE and ALTER ROLE, hashed here, so that
// neither the password nor anything to learn it from reaches the server's log.
Result<std::string> PasswordClause(Connection& connection, const std::string& role,
                                   const Secret& password);

}  // namespace dbagent::datastore::postgresql
