#pragma once

#include <memory>

#include "agent/config/store_settings.h"
#include "agent/storage/object_store.h"

namespace dbagent::storage {

// The store that these settings describe. Nothing is asked of it yet; its secrets are read when
// they are needed, and again when it refuses them, so rotating one needs no restart.
// VALUE_INVALID for settings that the settings file's check would have refused.
Result<std::unique_ptr<ObjectStore>> OpenStore(const config::StoreSettings& settings);

}  // namespace dbagent::storage
