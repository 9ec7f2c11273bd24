#pragma once

#include "datastores/settings.h"

// Values as the server itself shows them (pg_settings.setting): numbers in the parameter's unit,
// `on` and `off`, an enum's own words. Pure; threads: any.
namespace dbagent::datastore::postgresql {

// VALUE_INVALID, VALUE_OUT_OF_RANGE; their message completes `parameter 'x' …`.
Result<std::string> CanonicalText(const Parameter& parameter, const std::string& written);

}  // namespace dbagent::datastore::postgresql
