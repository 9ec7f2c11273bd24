#pragma once

#include <memory>

#include "datastores/datastore.h"

namespace dbagent::datastore::postgresql {

std::unique_ptr<Driver> MakeDriver();

}  // namespace dbagent::datastore::postgresql
