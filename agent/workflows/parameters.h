#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datastores/settings.h"
#include "dbagent/v1/configuration.pb.h"

// Parameters, groups and layers as data. Pure; threads: any.
namespace dbagent::workflows {

// Without what only the layers tell: source and what waits for a restart.
v1::Parameter ToProto(const datastore::Parameter& parameter);
datastore::Parameter FromProto(const v1::Parameter& parameter);

// What the layers of a set come to: the last one that names a parameter wins.
struct Effective {
  std::string value;
  v1::ParameterSource source = v1::PARAMETER_SOURCE_UNSPECIFIED;
};
using EffectiveValues = std::map<std::string, Effective>;
EffectiveValues EffectiveOf(const datastore::ConfigurationSet& set,
                            const datastore::Values& system);
// Nothing: the layers do not name it.
std::optional<std::string> ValueIn(const EffectiveValues& values, const std::string& name);

// By name. What the server does not know counts as in need of a restart.
std::vector<v1::ParameterChange> Difference(const EffectiveValues& before,
                                            const EffectiveValues& after,
                                            const datastore::Description& description);

// A group as people wrote it: canonical, or what is wrong with it, all of it.
struct CheckedGroup {
  datastore::Values values;
  std::vector<datastore::Violation> violations;
};
CheckedGroup CheckGroup(const datastore::SettingsAdmin& admin,
                        const datastore::Description& description,
                        const std::map<std::string, std::string>& written);

// `parameter 'x' is 5, allowed are 10 to 100000`
std::string ShowViolation(const datastore::Violation& violation);
// CONFIGURATION_INVALID with the first of them in the message and, as fields `violation:<name>`, as
// many as an error carries over the wire.
Status ViolationsError(const std::vector<datastore::Violation>& violations);

}  // namespace dbagent::workflows
