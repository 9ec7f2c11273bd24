#include "datastores/postgresql/server.h"

#include "datastores/postgresql/names.h"
#include "datastores/postgresql/session_options.h"

namespace dbagent::datastore::postgresql {

Server::Server(const ServerSettings& the_settings, const DatastoreInfo& the_info,
               os::InstanceHost& the_host)
    : settings(the_settings),
      info(the_info),
      host(the_host),
      pool(Target{the_settings.runtime_directory.string(), the_settings.port, the_settings.os_user,
                  std::string(kMaintenanceDatabase), AgentOptions(the_info.major)}) {}

Status LockForChange(const OpContext& ctx, Connection& connection) {
  return connection.Run(ctx, "SELECT pg_advisory_xact_lock(hashtext('dbagent'), 1)");
}

}  // namespace dbagent::datastore::postgresql
