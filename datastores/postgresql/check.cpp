#include "datastores/postgresql/check.h"

#include <algorithm>
#include <array>

#include "datastores/postgresql/budget.h"
#include "datastores/postgresql/describe.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/refused.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr const char* kPreload = "shared_preload_libraries";
constexpr WideInteger kLeastConnections = 20, kLeastLocks = 256;
// SQLSTATE: this parameter is not set by a session
constexpr std::string_view kNotInASession = "55P02";

class Effective {
 public:
  Effective(const Description& description, const ConfigurationSet& set, const Values& of_system)
      : description_(description), layers_{&of_system, &set.group, &set.template_values} {}

  // As if the group did not have `left_out`.
  std::string Of(const std::string& name, const std::string& left_out = "") const {
    for (const Values* layer : layers_) {
      const auto found = layer->find(name);
      if (found != layer->end() && (layer != layers_[1] || name != left_out)) return found->second;
    }
    const Parameter* const parameter = FindParameter(description_, name);
    return parameter == nullptr ? "" : parameter->default_value.value_or("");
  }
  WideInteger Number(const std::string& name) const {
    return ParseWideInteger(Of(name)).value_or(0);
  }

 private:
  const Description& description_;
  const std::array<const Values*, 3> layers_;
};

std::vector<std::string> Items(const std::string& list) {
  std::vector<std::string> items;
  if (list.find_first_not_of(' ') == std::string::npos) return items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string item = list.substr(begin, end - begin);
    const std::size_t first = item.find_first_not_of(" \t");
    items.push_back(first == std::string::npos
                        ? ""
                        : item.substr(first, item.find_last_not_of(" \t") - first + 1));
    begin = end + 1;
  }
  return items;
}

void CheckLibraries(const Values& group, std::vector<Violation>& found) {
  const auto list = group.find(kPreload);
  if (list == group.end()) return;
  std::string allowed;
  for (const std::string& name : HarmlessLibraries())
    allowed += (allowed.empty() ? "" : ", ") + name;
  for (const std::string& item : Items(list->second)) {
    if (HarmlessLibraries().contains(item)) continue;
    found.push_back({kPreload, "VALUE_FORBIDDEN",
                     fmt::format("names the library '{}', allowed are {}", item, allowed)});
  }
}

void CheckLeast(const Values& group, const std::string& name, WideInteger least,
                const std::string& why, std::vector<Violation>& found) {
  const auto value = group.find(name);
  if (value == group.end()) return;
  const std::optional<WideInteger> number = ParseWideInteger(value->second);
  if (!number || *number >= least) return;
  found.push_back(
      {name, "VALUE_FORBIDDEN",
       fmt::format("is {}, at least {} is needed: {}", value->second, ToText(least), why)});
}

// The server starts with no log of less than two of its segments, and says so only then.
void CheckLogSize(const Values& group, const Effective& effective, std::vector<Violation>& found) {
  const WideInteger segment = effective.Number("wal_segment_size");
  for (const char* const name : {"min_wal_size", "max_wal_size"}) {
    const auto value = group.find(name);
    if (value == group.end()) continue;
    const WideInteger bytes = effective.Number(name) * (1U << 20U);
    if (bytes >= 2 * segment) continue;
    found.push_back({name, "VALUE_OUT_OF_RANGE",
                     fmt::format("is {}, at least {} is allowed: two segments of the write-ahead "
                                 "log",
                                 ShowBytes(bytes), ShowBytes(2 * segment))});
  }
}

void CheckMemory(const ConfigurationSet& set, const Effective& effective,
                 std::vector<Violation>& found) {
  const auto sum = [&](const std::string& left_out) {
    return EstimateMemory([&](const std::string& name) { return effective.Of(name, left_out); });
  };
  const MemoryEstimate estimate = sum("");
  const auto memory = static_cast<WideInteger>(set.flavor.memory_bytes);
  if (estimate.total <= memory) return;
  // whose own value adds most
  std::string worst;
  WideInteger least = estimate.total;
  for (const std::string& name : MemoryParameters()) {
    if (!set.group.contains(name)) continue;
    const WideInteger without = sum(name).total;
    if (!worst.empty() && without >= least) continue;
    worst = name;
    least = without;
  }
  if (worst.empty()) worst = "shared_buffers";
  found.push_back({worst, "MEMORY_EXCEEDED",
                   fmt::format("makes a configuration that may come to use more than the {} of "
                               "this instance: {}",
                               ShowBytes(memory), estimate.ToString())});
}

Status CheckInstalled(const OpContext& ctx, Connection& connection, const Values& group,
                      std::vector<Violation>& found) {
  const auto list = group.find(kPreload);
  if (list == group.end()) return Ok();
  for (const std::string& item : Items(list->second)) {
    if (!HarmlessLibraries().contains(item)) continue;  // refused already
    ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Query(ctx,
                         "SELECT (pg_stat_file(setting || '/' || $1 || '.so', true)).size "
                         "IS NOT NULL FROM pg_config WHERE name = 'PKGLIBDIR'",
                         {item}));
    if (!rows.empty() && rows.True(0, 0)) continue;
    found.push_back({kPreload, "VALUE_INVALID",
                     fmt::format("names the library '{}', which is not installed", item)});
  }
  return Ok();
}

// Each for one statement of its own, so that a time limit that is tried cannot end the next.
Status TryValues(const OpContext& ctx, Connection& connection, const Description& description,
                 const Values& group, std::vector<Violation>& found) {
  for (const auto& [name, value] : group) {
    const Parameter* const parameter = FindParameter(description, name);
    if (parameter == nullptr || parameter->restart_required) continue;
    const Status tried = connection.Run(ctx, "SELECT set_config($1, $2, true)", {name, value});
    if (tried.ok() || HasSqlState(tried, kNotInASession)) continue;
    if (tried.reason() != "SERVER_ERROR") return tried;
    found.push_back({name, "VALUE_INVALID",
                     fmt::format("is '{}', the server says: {}", value, tried.FullMessage())});
  }
  return Ok();
}

}  // namespace

std::vector<Violation> CheckValues(const Description& description, const ConfigurationSet& set,
                                   const Values& of_system) {
  std::vector<Violation> found;
  const Effective effective(description, set, of_system);
  CheckLibraries(set.group, found);
  CheckLeast(set.group, "max_connections", kLeastConnections,
             "the agent and the server's own tools need some", found);
  CheckLeast(set.group, "max_locks_per_transaction", kLeastLocks,
             "a dump locks all tables of a database at a time", found);
  CheckLogSize(set.group, effective, found);
  CheckMemory(set, effective, found);
  return found;
}

Result<std::vector<Violation>> CheckByServer(const OpContext& ctx, Server& server,
                                             const Description& description, const Values& group) {
  std::vector<Violation> found;
  const auto check = [&]() -> Status {
    // thrown away: it is no matter what a value did to it
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                     server.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
    RETURN_IF_ERROR(CheckInstalled(ctx, *connection, group, found));
    return TryValues(ctx, *connection, description, group, found);
  };
  if (Status status = check(); !status.ok() && status.reason() != "SERVER_UNAVAILABLE")
    return status;
  return found;
}

}  // namespace dbagent::datastore::postgresql
