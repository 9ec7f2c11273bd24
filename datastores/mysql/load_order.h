#pragma once

#include <string>
#include <utility>
#include <vector>

#include "datastores/datastore.h"

namespace dbagent::datastore::mysql {

// A view's database and its definition as the server words it, all names in backquotes.
using ViewText = std::pair<std::string, std::string>;

// The databases so that each comes after those that its views name; as they were where that does
// not matter, or where they need each other.
LoadSequence LoadOrder(const std::vector<std::string>& databases,
                       const std::vector<ViewText>& views);

}  // namespace dbagent::datastore::mysql
