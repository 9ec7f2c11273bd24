#pragma once

#include <memory>

#include "datastores/datastore.h"

namespace dbagent::datastore::mysql {

std::unique_ptr<Driver> MakeDriver();

}  // namespace dbagent::datastore::mysql
