#pragma once

#include <vector>

#include "agent/config/yaml_reader.h"

namespace dbagent::config {

// One item of `stores`; its problems are reported.
StoreSettings ReadStore(Section& item);
// A store that comes with a request, by the same checks: what every kind has, and what its kind
// has. Its secrets are not among the keys.
StoreSettings ReadGivenParts(Section& common, Section& own, const std::string& kind);
// Where the store's secrets are, those that it has.
std::vector<const SecretSource*> SecretsOf(const StoreSettings& store);

}  // namespace dbagent::config
