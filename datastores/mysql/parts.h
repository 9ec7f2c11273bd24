#pragma once

#include <memory>

#include "datastores/mysql/server.h"

// The capabilities, each in a file of its name. `server` outlives them.
namespace dbagent::datastore::mysql {

std::unique_ptr<ServerControl> MakeServerControl(Server& server);
std::unique_ptr<DatabaseAdmin> MakeDatabaseAdmin(Server& server);
std::unique_ptr<UserAdmin> MakeUserAdmin(Server& server);
std::unique_ptr<GrantAdmin> MakeGrantAdmin(Server& server);
std::unique_ptr<RootAdmin> MakeRootAdmin(Server& server);
std::unique_ptr<LogicalBackup> MakeLogicalBackup(Server& server, DatabaseAdmin& databases);
std::unique_ptr<PhysicalBackup> MakePhysicalBackup(Server& server, const DatastoreInfo& info);
std::unique_ptr<ConsistencyCheck> MakeConsistencyCheck(Server& server, ServerControl& control);
std::unique_ptr<SettingsAdmin> MakeSettingsAdmin(Server& server);
std::unique_ptr<ConfigurationLayers> MakeConfigurationLayers(Server& server);

}  // namespace dbagent::datastore::mysql
