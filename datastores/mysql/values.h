#pragma once

#include <string>

#include "datastores/settings.h"

// Parameters' values: as people write them, as the server says them, and in SQL. Pure.
namespace dbagent::datastore::mysql {

// SettingsAdmin::CanonicalValue.
Result<std::string> CanonicalParameterValue(const Parameter& parameter, const std::string& written);
// What the server says, which is believed: canonical in its form, whatever its value.
std::string CanonicalServerValue(const Parameter& parameter, const std::string& said);
// A canonical value as SET takes it.
std::string ValueLiteral(ParameterType type, const std::string& value);

}  // namespace dbagent::datastore::mysql
