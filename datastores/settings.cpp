#include "datastores/settings.h"

#include <algorithm>

namespace dbagent::datastore {

const Parameter* FindParameter(const Description& description, const std::string& name) {
  const auto found = std::lower_bound(
      description.parameters.begin(), description.parameters.end(), name,
      [](const Parameter& p, const std::string& wanted) { return p.name < wanted; });
  return found == description.parameters.end() || found->name != name ? nullptr : &*found;
}

}  // namespace dbagent::datastore
