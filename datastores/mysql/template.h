#pragma once

#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// The sizes that fit a flavor, together never more than its memory by EstimateMemory (from 256 MiB
// on), and defaults that a service's users expect. Everything that the estimate reads is among
// them. Pure.
Values TemplateValues(const Dialect& dialect, const Flavor& flavor);

}  // namespace dbagent::datastore::mysql
