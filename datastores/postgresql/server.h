#pragma once

#include "datastores/datastore.h"
#include "datastores/postgresql/session_pool.h"
#include "datastores/postgresql/tools.h"

namespace dbagent::datastore::postgresql {

// What all capabilities of one datastore share. Threads: any.
struct Server {
  Server(const ServerSettings& the_settings, const DatastoreInfo& the_info,
         os::InstanceHost& the_host);

  const std::string& agent() const { return settings.os_user; }  // the agent's own role

  os::Path log_file() const { return LogFile(settings); }

  const ServerSettings settings;
  const DatastoreInfo info;
  os::InstanceHost& host;
  SessionPool pool;
};

// Changes of the same catalog rows by two sessions at once end in `tuple concurrently updated`, so
// that the agent's own come one after the other. To be called first in a transaction; held until
// its end, within the connection's database.
Status LockForChange(const OpContext& ctx, Connection& connection);

}  // namespace dbagent::datastore::postgresql
