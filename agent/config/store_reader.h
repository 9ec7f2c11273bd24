#pragma once

#include <vector>

#include "agent/config/yaml_reader.h"

namespace dbagent::config {

// One item of `stores`; its problems are reported.
StoreSettings ReadStore(Section& item);
// Where the store's secrets are, those that it has.
std::vector<const SecretSource*> SecretsOf(const StoreSettings& store);

}  // namespace dbagent::config
