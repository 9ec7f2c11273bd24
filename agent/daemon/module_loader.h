#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "datastores/datastore.h"

namespace dbagent::daemon {

// Loads `<directory>/datastore_<kind>.so`, which stays loaded for good. MODULE_NOT_FOUND (with the
// modules that are there), MODULE_FOREIGN (not one of ours), MODULE_INCOMPATIBLE (another contract
// or build).
Result<std::unique_ptr<datastore::Driver>> LoadDriver(const std::filesystem::path& directory,
                                                      const std::string& kind);

}  // namespace dbagent::daemon
