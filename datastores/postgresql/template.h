#pragma once

#include "datastores/settings.h"

namespace dbagent::datastore::postgresql {

// The sizes that fit a flavor, by the budget that the README documents. Pure; threads: any.
Values TemplateValues(const Flavor& flavor);

}  // namespace dbagent::datastore::postgresql
