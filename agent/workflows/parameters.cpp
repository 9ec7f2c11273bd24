#include "agent/workflows/parameters.h"

#include <algorithm>
#include <set>

#include "agent/base/edit_distance.h"

namespace dbagent::workflows {
namespace {

using datastore::ParameterAccess;
using datastore::ParameterType;
using datastore::Violation;

constexpr std::size_t kMostInMessage = 3;
// gRPC's clients take 8 KiB of trailers, in which the message stands too.
constexpr std::size_t kMostFieldBytes = 3000;
constexpr std::size_t kMostSuggestions = 3;

constexpr v1::ParameterType kTypes[] = {v1::BOOLEAN, v1::INTEGER, v1::REAL,
                                        v1::STRING,  v1::ENUM,    v1::SET};
constexpr v1::ParameterAccess kAccesses[] = {v1::USER, v1::SYSTEM_OWNED, v1::FORBIDDEN,
                                             v1::READ_ONLY_PARAMETER};

template <typename Enum, typename Wire, std::size_t N>
Enum Back(const Wire (&all)[N], Wire wire) {
  const auto* found = std::find(std::begin(all), std::end(all), wire);
  return static_cast<Enum>(found == std::end(all) ? 0 : found - std::begin(all));
}

std::string Suggestions(const datastore::Description& description, const std::string& name) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const datastore::Parameter& parameter : description.parameters) {
    const std::size_t distance = EditDistance(name, parameter.name);
    if (parameter.access == ParameterAccess::kUser && distance <= 1 + name.size() / 6)
      near.emplace_back(distance, parameter.name);
  }
  std::sort(near.begin(), near.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(near.size(), kMostSuggestions); ++i)
    text += (i == 0 ? "; do you mean " : " or ") + near[i].second;
  return text;
}

// Why a group may not set it; nothing: it may.
std::optional<Violation> AccessViolation(const datastore::Parameter& parameter,
                                         const std::string& written) {
  switch (parameter.access) {
    case ParameterAccess::kUser:
      return std::nullopt;
    case ParameterAccess::kSystem:
      return Violation{written, "PARAMETER_SYSTEM",
                       "belongs to the agent: " + parameter.access_reason};
    case ParameterAccess::kForbidden:
      return Violation{written, "PARAMETER_FORBIDDEN",
                       "may not be set: " + parameter.access_reason};
    case ParameterAccess::kReadOnly:
      break;
  }
  return Violation{
      written, "PARAMETER_READ_ONLY",
      "cannot be set by a configuration: " +
          (parameter.access_reason.empty() ? "it only tells something" : parameter.access_reason)};
}

}  // namespace

v1::Parameter ToProto(const datastore::Parameter& parameter) {
  v1::Parameter out;
  out.set_name(parameter.name);
  out.set_type(kTypes[static_cast<std::size_t>(parameter.type)]);
  out.set_unit(parameter.unit);
  out.set_minimum(parameter.minimum);
  out.set_maximum(parameter.maximum);
  for (const std::string& choice : parameter.choices) out.add_choices(choice);
  if (parameter.default_value) out.set_default_value(*parameter.default_value);
  out.set_value(parameter.value);
  out.set_restart_required(parameter.restart_required);
  out.set_pending_restart(parameter.pending_restart);
  out.set_access(kAccesses[static_cast<std::size_t>(parameter.access)]);
  out.set_access_reason(parameter.access_reason);
  out.set_description(parameter.description);
  return out;
}

datastore::Parameter FromProto(const v1::Parameter& parameter) {
  datastore::Parameter out;
  out.name = parameter.name();
  out.type = Back<ParameterType>(kTypes, parameter.type());
  out.unit = parameter.unit();
  out.minimum = parameter.minimum();
  out.maximum = parameter.maximum();
  out.choices = {parameter.choices().begin(), parameter.choices().end()};
  if (parameter.has_default_value()) out.default_value = parameter.default_value();
  out.value = parameter.value();
  out.restart_required = parameter.restart_required();
  out.pending_restart = parameter.pending_restart();
  out.access = Back<ParameterAccess>(kAccesses, parameter.access());
  out.access_reason = parameter.access_reason();
  out.description = parameter.description();
  return out;
}

EffectiveValues EffectiveOf(const datastore::ConfigurationSet& set,
                            const datastore::Values& system) {
  EffectiveValues out;
  for (const auto& [name, value] : set.template_values) out[name] = {value, v1::TEMPLATE};
  for (const auto& [name, value] : set.group) out[name] = {value, v1::GROUP};
  for (const auto& [name, value] : system) out[name] = {value, v1::SYSTEM};
  return out;
}

std::optional<std::string> ValueIn(const EffectiveValues& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second.value);
}

std::vector<v1::ParameterChange> Difference(const EffectiveValues& before,
                                            const EffectiveValues& after,
                                            const datastore::Description& description) {
  std::set<std::string> names;
  for (const auto& [name, effective] : before) names.insert(name);
  for (const auto& [name, effective] : after) names.insert(name);
  std::vector<v1::ParameterChange> changes;
  for (const std::string& name : names) {
    const std::optional<std::string> old_value = ValueIn(before, name);
    const std::optional<std::string> new_value = ValueIn(after, name);
    if (old_value == new_value) continue;
    v1::ParameterChange change;
    change.set_name(name);
    if (old_value) change.set_old_value(*old_value);
    if (new_value) change.set_new_value(*new_value);
    change.set_source(new_value ? after.at(name).source : v1::DEFAULT);
    const datastore::Parameter* const known = FindParameter(description, name);
    change.set_restart_required(known == nullptr || known->restart_required);
    if (known != nullptr) change.set_unit(known->unit);
    changes.push_back(std::move(change));
  }
  return changes;
}

CheckedGroup CheckGroup(const datastore::SettingsAdmin& admin,
                        const datastore::Description& description,
                        const std::map<std::string, std::string>& written) {
  CheckedGroup checked;
  for (const auto& [name, value] : written) {
    const std::string canonical = admin.CanonicalName(name);
    const datastore::Parameter* const parameter = FindParameter(description, canonical);
    if (parameter == nullptr) {
      checked.violations.push_back(
          {name, "PARAMETER_UNKNOWN",
           "is none that the server has" + Suggestions(description, canonical)});
      continue;
    }
    if (std::optional<Violation> refused = AccessViolation(*parameter, name)) {
      checked.violations.push_back(*std::move(refused));
      continue;
    }
    Result<std::string> text = admin.CanonicalValue(*parameter, value);
    if (!text.ok()) {
      checked.violations.push_back({name, text.status().reason(), text.status().message()});
    } else if (!checked.values.emplace(canonical, *std::move(text)).second) {
      checked.violations.push_back(
          {name, "PARAMETER_DUPLICATE", "stands twice in the group, as '" + canonical + "'"});
    }
  }
  return checked;
}

std::string ShowViolation(const datastore::Violation& violation) {
  return fmt::format("parameter '{}' {}", violation.parameter, violation.message);
}

Status ViolationsError(const std::vector<datastore::Violation>& violations) {
  std::string text;
  for (std::size_t i = 0; i < std::min(violations.size(), kMostInMessage); ++i)
    text += (i == 0 ? "" : "; ") + ShowViolation(violations[i]);
  if (violations.size() > kMostInMessage)
    text += fmt::format("; and {} more", violations.size() - kMostInMessage);
  Status error = Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
                       "unable to apply the configuration: {}", text)
                     .WithHint(
                         "validate_only (`dbagentctl config diff`) lists all that is wrong; "
                         "nothing was changed");
  std::size_t bytes = 0;
  for (const datastore::Violation& violation : violations) {
    const std::string field = violation.reason + ": " + ShowViolation(violation);
    bytes += field.size() + violation.parameter.size();
    if (bytes > kMostFieldBytes) break;
    error = std::move(error).WithField("violation:" + violation.parameter, field);
  }
  return error;
}

}  // namespace dbagent::workflows
