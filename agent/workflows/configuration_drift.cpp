#include "agent/workflows/configuration_drift.h"

#include <set>

namespace dbagent::workflows {
namespace {

using datastore::ParameterOrigin;

constexpr int kMostLines = 50;

bool IsOwnFile(const std::string& path, const OwnValues& own) {
  return path.starts_with(own.files.native() + "/");
}

// What the value should be: by the layers, else the default.
std::optional<std::string> ExpectedOf(const datastore::Parameter& parameter, const OwnValues& own) {
  const std::optional<std::string> value = ValueIn(own.layers, parameter.name);
  return value ? value : parameter.default_value;
}

bool IsOwnLive(const datastore::Parameter& parameter, const OwnValues& own) {
  const auto live = own.live.find(parameter.name);
  if (live != own.live.end() && live->second == parameter.value) return true;
  const std::optional<std::string> expected = ExpectedOf(parameter, own);
  return expected && *expected == parameter.value;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

void AddLines(v1::Drift& drift, char sign, const std::string& from, const std::string& other) {
  const std::vector<std::string> others = LinesOf(other);
  const std::set<std::string> known(others.begin(), others.end());
  for (const std::string& line : LinesOf(from)) {
    if (!known.contains(line) && drift.lines_size() < kMostLines) drift.add_lines(sign + line);
  }
}

}  // namespace

v1::ParameterSource SourceOf(const datastore::Parameter& parameter, const OwnValues& own) {
  const auto layer = own.layers.find(parameter.name);
  const v1::ParameterSource own_source =
      layer == own.layers.end() ? v1::DEFAULT : layer->second.source;
  // a session's own, a count: nobody's doing
  if (parameter.access == datastore::ParameterAccess::kReadOnly) return v1::DEFAULT;
  switch (parameter.origin) {
    case ParameterOrigin::kDefault:
      // MariaDB says so of some that its files have set (character_set_server)
      return layer != own.layers.end() && layer->second.value == parameter.value &&
                     parameter.default_value != parameter.value
                 ? own_source
                 : v1::DEFAULT;
    case ParameterOrigin::kFile:
      return IsOwnFile(parameter.origin_detail, own) ? own_source : v1::OUTSIDE;
    case ParameterOrigin::kCommandLine:
      return v1::SYSTEM;
    case ParameterOrigin::kRuntime:
      return IsOwnLive(parameter, own) ? own_source : v1::OUTSIDE;
    case ParameterOrigin::kPersisted:
      return v1::OUTSIDE;
  }
  return v1::PARAMETER_SOURCE_UNSPECIFIED;
}

std::vector<v1::Drift> DriftOfParameters(const datastore::Description& description,
                                         const OwnValues& own) {
  std::vector<v1::Drift> all;
  for (const datastore::Parameter& parameter : description.parameters) {
    if (SourceOf(parameter, own) != v1::OUTSIDE) continue;
    v1::Drift drift;
    drift.set_kind(parameter.origin == ParameterOrigin::kRuntime     ? v1::SET_AT_RUNTIME
                   : parameter.origin == ParameterOrigin::kPersisted ? v1::PERSISTED
                                                                     : v1::OTHER_FILE);
    drift.set_parameter(parameter.name);
    drift.set_value(parameter.value);
    if (const auto expected = ExpectedOf(parameter, own)) drift.set_expected_value(*expected);
    drift.set_detail(parameter.origin_detail);
    all.push_back(std::move(drift));
  }
  return all;
}

std::vector<v1::Drift> DriftOfFiles(const std::vector<datastore::ChangedFile>& files) {
  std::vector<v1::Drift> all;
  for (const datastore::ChangedFile& file : files) {
    v1::Drift drift;
    drift.set_kind(file.found ? v1::FILE_EDITED : v1::FILE_UNREADABLE);
    drift.set_detail(file.found ? file.path.native() : file.why);
    if (file.found) {
      AddLines(drift, '-', file.written, *file.found);
      AddLines(drift, '+', *file.found, file.written);
    }
    all.push_back(std::move(drift));
  }
  return all;
}

}  // namespace dbagent::workflows
