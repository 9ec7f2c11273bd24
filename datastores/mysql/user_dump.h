#pragma once

#include "datastores/mysql/server.h"
#include "datastores/user_text.h"

// Users' accounts and roles as the server itself writes them (SHOW CREATE USER, SHOW GRANTS):
// LogicalBackup::DumpUsers. Rights on databases are kept with the accounts here, so they are among
// them. Threads: any.
namespace dbagent::datastore::mysql {

Result<std::vector<UserStatement>> ReadUserStatements(Server& server, const OpContext& ctx);
// LogicalBackup::LoadUsers. A grant on what is not there (the servers keep grants on dropped
// tables) is left out, and spec.note says so.
Status LoadUserStatements(Server& server, const OpContext& ctx, const LoadUsersSpec& spec,
                          stream::Source& source);
// LogicalBackup::DropUsers.
Status DropUsers(Server& server, const OpContext& ctx, const std::vector<UserId>& users);

// Makes an account that nobody can log in to, with all rights in the database and none elsewhere:
// the definer of what a load brings. USER_EXISTS.
Status MakeStandIn(Server& server, const OpContext& ctx, const UserId& id,
                   const std::string& database);

// Takes ` DEFAULT ROLE …` out of MySQL's CREATE USER, which needs these roles to be there already;
// answers what stood behind the words, or nothing.
std::optional<std::string> TakeDefaultRoles(std::string& create_user);

}  // namespace dbagent::datastore::mysql
