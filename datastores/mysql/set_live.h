#pragma once

#include "datastores/mysql/server.h"

namespace dbagent::datastore::mysql {

// SettingsAdmin::SetLive. `description` says the types and defaults.
Result<Values> SetLive(Server& server, const OpContext& ctx, const Description& description,
                       const std::vector<LiveChange>& changes);

}  // namespace dbagent::datastore::mysql
