#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

// SettingsAdmin::SetLive: has the server read its files again and looks at what it made of them.
// Threads: any.
Result<Values> ChangeLive(const OpContext& ctx, Server& server,
                          const std::vector<LiveChange>& changes);

}  // namespace dbagent::datastore::postgresql
