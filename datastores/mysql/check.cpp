#include "datastores/mysql/check.h"

#include <algorithm>

#include "datastores/mysql/memory.h"
#include "datastores/mysql/refused.h"
#include "datastores/mysql/system_values.h"
#include "datastores/mysql/try_value.h"
#include "datastores/mysql/values.h"

namespace dbagent::datastore::mysql {
namespace {

const Parameter* Find(const Description& description, std::string_view name) {
  const auto found =
      std::find_if(description.parameters.begin(), description.parameters.end(),
                   [&](const Parameter& parameter) { return parameter.name == name; });
  return found == description.parameters.end() ? nullptr : &*found;
}

// The parameter's value with the set; `without`: as if the group did not have it.
std::string EffectiveValue(const Description& description, const ConfigurationSet& set,
                           const Values& system, std::string_view name, std::string_view without) {
  const std::string key(name);
  for (const Values* layer : {&system, &set.group, &set.template_values}) {
    if (layer == &set.group && name == without) continue;
    if (const auto found = layer->find(key); found != layer->end()) return found->second;
  }
  const Parameter* const parameter = Find(description, name);
  if (parameter == nullptr) return {};
  return parameter->default_value.value_or(parameter->value);
}

std::optional<Violation> CheckMemory(const Dialect& dialect, const Description& description,
                                     const ConfigurationSet& set, const Values& system) {
  const auto estimate = [&](std::string_view without) {
    return EstimateMemory(dialect, [&](std::string_view name) {
      return EffectiveValue(description, set, system, name, without);
    });
  };
  const MemoryEstimate whole = estimate("");
  const WideInteger total = whole.total();
  if (total <= static_cast<WideInteger>(set.flavor.memory_bytes)) return std::nullopt;
  // whose absence would help most
  std::string largest;
  WideInteger least = total;
  for (const auto& [name, value] : set.group) {
    const WideInteger rest = estimate(name).total();
    if (rest < least) {
      largest = name;
      least = rest;
    }
  }
  // the machine is too small for the rest: no parameter of the group is to blame
  if (largest.empty()) return std::nullopt;
  return Violation{
      largest, "MEMORY_EXCEEDED",
      fmt::format("makes the server need {} of memory, there is {}: {}", AboutBytes(total),
                  AboutBytes(static_cast<WideInteger>(set.flavor.memory_bytes)), whole.ToString())};
}

Violation Refused(const std::string& name, ParameterAccess access, std::string_view why) {
  const char* const reason = access == ParameterAccess::kForbidden ? "PARAMETER_FORBIDDEN"
                             : access == ParameterAccess::kSystem  ? "PARAMETER_SYSTEM"
                                                                   : "PARAMETER_READ_ONLY";
  return {name, reason, fmt::format("cannot be set: {}", why)};
}

// What is no variable may be an option all the same.
Violation Unknown(const std::string& name) {
  if (const std::optional<Refusal> refusal = RefusalOf(name))
    return Refused(name, refusal->access, refusal->reason);
  return {name, "PARAMETER_UNKNOWN", "is not known to this server"};
}

}  // namespace

std::vector<Violation> CheckGroup(const Dialect& dialect, const Description& description,
                                  const ConfigurationSet& set, const Values& system) {
  std::vector<Violation> violations;
  for (const auto& [name, value] : set.group) {
    const Parameter* const parameter = Find(description, name);
    if (parameter == nullptr) {
      violations.push_back(Unknown(name));
    } else if (parameter->access != ParameterAccess::kUser) {
      violations.push_back(Refused(name, parameter->access, parameter->access_reason));
    } else if (const std::optional<std::string> why = RefusalOfValue(name, value)) {
      violations.push_back({name, "VALUE_FORBIDDEN", *why});
    }
  }
  if (const auto memory = CheckMemory(dialect, description, set, system))
    violations.push_back(*memory);
  return violations;
}

Result<std::vector<Violation>> CheckSet(Server& server, const OpContext& ctx,
                                        const Description& description,
                                        const ConfigurationSet& set) {
  ASSIGN_OR_RETURN(const Values system, SystemValues(server.settings, server.dialect, set));
  std::vector<Violation> violations = CheckGroup(server.dialect, description, set, system);
  Result<ConnectionPool::Lease> connection = server.pool.Get(ctx);
  if (!connection.ok()) {
    RETURN_IF_ERROR(ctx.Poll());
    return violations;  // the server does not run: TryStart will say what it thinks
  }
  for (const auto& [name, value] : set.group) {
    const Parameter* const parameter = Find(description, name);
    const bool can_be_tried = parameter != nullptr && !parameter->restart_required &&
                              parameter->access == ParameterAccess::kUser;
    if (!can_be_tried) continue;
    ASSIGN_OR_RETURN(const std::optional<std::string> words,
                     Objection(**connection, ctx, name, ValueLiteral(parameter->type, value)));
    if (words) violations.push_back({name, "VALUE_INVALID", "is refused by the server: " + *words});
  }
  return violations;
}

}  // namespace dbagent::datastore::mysql
