#pragma once

#include <string>

#include "datastores/datastore.h"
#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// The text of the server's option file. CONFIGURATION_INVALID.
Result<std::string> ConfigurationText(const ServerSettings& settings, const Dialect& dialect,
                                      const ConfigureSpec& spec);

}  // namespace dbagent::datastore::mysql
