#pragma once

#include <string>
#include <vector>

#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// What the server listens on. Nobody may log in from anywhere else when no network is allowed: then
// loopback only, whatever the settings say. CONFIGURATION_INVALID: an address or network that is
// none. Pure.
Result<std::string> BindAddress(const ServerSettings& settings, const Dialect& dialect,
                                const std::vector<std::string>& allowed_networks);

}  // namespace dbagent::datastore::mysql
