#pragma once

#include <string>
#include <string_view>

#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// A parameter's name as a person may spell it, canonical: lower case, underscores, the variable's
// name where the option's differs, `loose_` gone. The servers also take `skip_`, `enable_`,
// `disable_` and `maximum_` before an option's name, which change what its value means: they go
// only when the parameter that is meant is refused, so that its own reason is told; else the name
// stays, and there is no such parameter. Abbreviations are no names either. Pure.
std::string CanonicalParameterName(const Dialect& dialect, std::string_view written);

}  // namespace dbagent::datastore::mysql
