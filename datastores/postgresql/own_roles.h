#pragma once

#include "datastores/postgresql/server.h"

// The agent's roles that nobody is and nobody is a member of: NOLOGIN, without any attribute.
//
//   dbagent-owner   owns the databases that have no owner of their own. Nothing in a database is
//                   its own, so no code ever runs as it.
//   dbagent-heir    owns in each database what dropped users and a disabled root left. Functions of
//   these may run as it, so it owns no database and has
//                   no right outside the one where the function is.
//
// The agent's own role would be a superuser in their place, a database's owner somebody whose
// rights the left functions and views would take. Threads: any.
namespace dbagent::datastore::postgresql {

// SQL, one statement per line, for a cluster that has neither.
std::string CreateOwnRoles();
// Makes what is missing (an instance that an older agent made).
Status EnsureOwnRoles(const OpContext& ctx, Connection& connection);

// In a transaction in a database: what only a superuser may own becomes the agent's. Event triggers
// are switched off with that: they call functions that now belong to others, on behalf of whoever
// changes something, the agent too.
Status KeepWhatSuperusersOwn(const OpContext& ctx, Connection& connection, const std::string& oid,
                             const std::string& agent);
// In a transaction in a database, after the above: all that the role owns there becomes the heir's,
// and its rights there and on shared objects go. The role must own no database.
Status HandOnToHeir(const OpContext& ctx, Connection& connection, const std::string& role);

// The same, to another role.
Status HandOn(const OpContext& ctx, Connection& connection, const std::string& role,
              const std::string& to);

}  // namespace dbagent::datastore::postgresql
