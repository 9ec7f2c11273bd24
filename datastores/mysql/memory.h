#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/quantity.h"
#include "datastores/mysql/versions.h"

// How much memory a server with given values may take: the budget that the README documents. The
// template is made by it, and groups are checked by it. Pure; threads: any.
namespace dbagent::datastore::mysql {

struct MemoryPart {
  std::string name;  // `buffer pool`, for people
  WideInteger bytes = 0;
};

struct MemoryEstimate {
  std::vector<MemoryPart> parts;
  WideInteger total() const;
  // `buffer pool 4GB, 200 connections 98MB, …`, the largest first.
  std::string ToString() const;
};

// The value of a parameter by its name; empty when there is none (it then takes no memory).
using ValueOf = std::function<std::string(std::string_view)>;

MemoryEstimate EstimateMemory(const Dialect& dialect, const ValueOf& value);

// About: `4.5GB`.
std::string AboutBytes(WideInteger bytes);

}  // namespace dbagent::datastore::mysql
