#pragma once

#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// What the agent sets whatever a group says. CONFIGURATION_INVALID: a network or address that is
// none. Pure.
Result<Values> SystemValues(const ServerSettings& settings, const Dialect& dialect,
                            const ConfigurationSet& set);

}  // namespace dbagent::datastore::mysql
