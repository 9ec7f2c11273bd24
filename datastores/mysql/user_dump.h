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

// A locked account that no password opens, with all rights in the database and in none that no load
// gave it: the definer of what a load brings. `before` is called when it must be made; one of an
// earlier load gets the rights too. Somebody who has become a user meanwhile is left alone.
Status MakeStandIn(Server& server, const OpContext& ctx, const UserId& id,
                   const std::string& database, const std::function<Status(const UserId&)>& before);

// Takes ` DEFAULT ROLE …` out of MySQL's CREATE USER, which needs these roles to be there already;
// answers what stood behind the words, or nothing.
std::optional<std::string> TakeDefaultRoles(std::string& create_user);

}  // namespace dbagent::datastore::mysql
