#pragma once

#include "datastores/datastore.h"
#include "datastores/postgresql/connection.h"

namespace dbagent::datastore::postgresql {

// All parameters as the server has them for new sessions. The session should be a fresh one: what
// it has loaded brings parameters of its own. Threads: as Connection.
Result<Description> DescribeServer(const OpContext& ctx, Connection& connection,
                                   const ServerSettings& settings);

}  // namespace dbagent::datastore::postgresql
