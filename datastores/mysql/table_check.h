#pragma once

#include "datastores/mysql/server.h"

namespace dbagent::datastore::mysql {

// Writes and takes it back, then opens every table. DATA_UNREADABLE (DATA_LOSS) with the list of
// those that do not open.
Status CheckTables(Server& server, const OpContext& ctx);

}  // namespace dbagent::datastore::mysql
