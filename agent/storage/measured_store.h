#pragma once

#include <memory>
#include <string>

#include "agent/storage/object_store.h"

namespace dbagent::storage {

// The store, with what is asked of it counted in the metrics under `name`. One request counts once,
// however often it was tried.
std::unique_ptr<ObjectStore> MakeMeasuredStore(std::unique_ptr<ObjectStore> store,
                                               std::string name);

}  // namespace dbagent::storage
