#pragma once

#include "datastores/postgresql/connection.h"
#include "datastores/user_text.h"

// Users' roles as SQL (LogicalBackup::DumpUsers): attributes, password as stored, comment; then
// memberships, settings and rights on parameters. Rights in databases are in their own dumps
// (dump_tail.h). Threads: any.
namespace dbagent::datastore::postgresql {

Result<std::vector<UserStatement>> ReadUserStatements(const OpContext& ctx, Connection& connection,
                                                      const std::string& agent,
                                                      std::uint32_t major);
// LogicalBackup::LoadUsers. A role that a load made in the place of a missing one becomes the user.
Status LoadUserStatements(const OpContext& ctx, Connection& connection, const LoadUsersSpec& spec,
                          stream::Source& source);

}  // namespace dbagent::datastore::postgresql
