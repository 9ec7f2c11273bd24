#pragma once

#include "datastores/mysql/server.h"

namespace dbagent::datastore::mysql {

// What needs no server. `system`: as SystemValues made it.
std::vector<Violation> CheckGroup(const Dialect& dialect, const Description& description,
                                  const ConfigurationSet& set, const Values& system);

// SettingsAdmin::Check.
Result<std::vector<Violation>> CheckSet(Server& server, const OpContext& ctx,
                                        const Description& description,
                                        const ConfigurationSet& set);

}  // namespace dbagent::datastore::mysql
