#pragma once

#include <functional>
#include <vector>

#include "agent/base/quantity.h"
#include "datastores/settings.h"

// How much memory a configuration may come to use: the estimate that the README documents. The
// template is made by it and Check measures by it. Pure; threads: any.
namespace dbagent::datastore::postgresql {

struct MemoryPart {
  std::string what;  // for people: `sessions and their workers`
  WideInteger bytes = 0;
};

struct MemoryEstimate {
  std::vector<MemoryPart> parts;
  WideInteger total = 0;
  std::string ToString() const;  // `12GB: 3GB shared_buffers, …`
};

// The canonical value of a parameter in the configuration; empty: it has none.
using ValueOf = std::function<std::string(const std::string& name)>;
MemoryEstimate EstimateMemory(const ValueOf& value_of);
// The parameters that the estimate asks for.
std::vector<std::string> MemoryParameters();

// Bytes for people, to three digits: `1.25GB`.
std::string ShowBytes(WideInteger bytes);

}  // namespace dbagent::datastore::postgresql
