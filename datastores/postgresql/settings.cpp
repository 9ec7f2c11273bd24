#include "datastores/postgresql/settings.h"

#include "datastores/postgresql/canonical.h"
#include "datastores/postgresql/check.h"
#include "datastores/postgresql/describe.h"
#include "datastores/postgresql/live_change.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/system_values.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {

Result<Description> PostgresSettings::Describe(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
  return DescribeServer(ctx, *connection, server_.settings);
}

// The server takes names in any case and, on its command line, with dashes. In lower case also
// those few that it shows otherwise (`DateStyle`).
std::string PostgresSettings::CanonicalName(const std::string& written) const {
  std::string name;
  for (const char c : written) {
    const bool upper = c >= 'A' && c <= 'Z';
    name += c == '-' ? '_' : static_cast<char>(upper ? c - 'A' + 'a' : c);
  }
  return CurrentParameterName(name, server_.info.major);
}

Result<std::string> PostgresSettings::CanonicalValue(const Parameter& parameter,
                                                     const std::string& written) const {
  return CanonicalText(parameter, written);
}

Result<std::vector<Violation>> PostgresSettings::Check(const OpContext& ctx,
                                                       const Description& description,
                                                       const ConfigurationSet& set) {
  const Values of_system = SystemValues(server_.settings, set);
  std::vector<Violation> violations = CheckValues(description, set, of_system);
  ASSIGN_OR_RETURN(std::vector<Violation> more,
                   CheckByServer(ctx, server_, description, set.group));
  violations.insert(violations.end(), more.begin(), more.end());
  return violations;
}

Result<Values> PostgresSettings::SetLive(const OpContext& ctx,
                                         const std::vector<LiveChange>& changes) {
  return ChangeLive(ctx, server_, changes);
}

}  // namespace dbagent::datastore::postgresql
