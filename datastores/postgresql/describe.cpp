#include "datastores/postgresql/describe.h"

#include <algorithm>

#include "datastores/postgresql/canonical.h"
#include "datastores/postgresql/refused.h"
#include "datastores/postgresql/system_values.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::string_view kPersistedFile = "/postgresql.auto.conf";

// pg_settings shows what this session has. Where that is the agent's own (its connection's options,
// settings of its role and its database), the value for others is what the files say, the last of
// them; a file that was written and not read yet is believed too early.
constexpr const char* kQuery = R"(
SELECT lower(s.name) COLLATE "C", s.vartype, coalesce(s.unit, ''), coalesce(s.min_val, ''),
  coalesce(s.max_val, ''), array_to_string(s.enumvals, ','), s.boot_val, s.setting, s.source,
  coalesce(s.sourcefile, ''), s.context, s.pending_restart, s.short_desc, f.setting,
  coalesce(f.sourcefile, ''), 'NO_RESET_ALL' = ANY (pg_settings_get_flags(s.name))
FROM pg_settings s LEFT JOIN (
  SELECT DISTINCT ON (lower(name)) lower(name) AS name, setting, sourcefile
  FROM pg_file_settings WHERE error IS NULL AND name IS NOT NULL
  ORDER BY lower(name), seqno DESC) f ON f.name = lower(s.name)
ORDER BY 1)";

ParameterType TypeOf(const std::string& word) {
  if (word == "bool") return ParameterType::kBoolean;
  if (word == "integer") return ParameterType::kInteger;
  if (word == "real") return ParameterType::kReal;
  return word == "enum" ? ParameterType::kEnum : ParameterType::kString;
}

std::vector<std::string> Words(const std::string& joined) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < joined.size();) {
    const std::size_t end = std::min(joined.find(',', begin), joined.size());
    words.push_back(joined.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

void SetFileOrigin(Parameter& parameter, const std::string& path) {
  parameter.origin =
      path.ends_with(kPersistedFile) ? ParameterOrigin::kPersisted : ParameterOrigin::kFile;
  parameter.origin_detail = path;
}

bool IsOfThisSession(const std::string& source) {
  return source == "client" || source == "session" || source == "database" || source == "user" ||
         source == "database user" || source == "interactive";
}

// `value` and where it came from.
void SetValue(Parameter& parameter, const Rows& rows, std::size_t row, const Values& constants) {
  const std::string source = rows.Text(row, 8);
  parameter.value = rows.Text(row, 7);
  if (!IsOfThisSession(source)) {
    if (source == "configuration file") {
      SetFileOrigin(parameter, rows.Text(row, 9));
    } else if (source == "command line") {
      parameter.origin = ParameterOrigin::kCommandLine;
    } else if (source == "global") {
      parameter.origin = ParameterOrigin::kRuntime;
      parameter.origin_detail = "ALTER ROLE ALL";
    }
    return;
  }
  if (const auto constant = constants.find(parameter.name); constant != constants.end()) {
    parameter.value = constant->second;
    parameter.origin = ParameterOrigin::kCommandLine;
  } else if (!rows.IsNull(row, 13)) {
    const std::string written = rows.Text(row, 13);
    const Result<std::string> canonical = CanonicalText(parameter, written);
    parameter.value = canonical.ok() ? *canonical : written;  // never: the server took it
    SetFileOrigin(parameter, rows.Text(row, 14));
  } else {
    parameter.value = parameter.default_value.value_or("");
  }
}

Parameter ParameterOf(const Rows& rows, std::size_t row, const Values& constants,
                      const Values& of_system) {
  Parameter parameter;
  parameter.name = rows.Text(row, 0);
  parameter.type = TypeOf(rows.Text(row, 1));
  parameter.unit = rows.Text(row, 2);
  parameter.minimum = rows.Text(row, 3);
  parameter.maximum = rows.Text(row, 4);
  parameter.choices = Words(rows.Text(row, 5));
  if (!rows.IsNull(row, 6)) parameter.default_value = rows.Text(row, 6);
  SetValue(parameter, rows, row, constants);
  const std::string context = rows.Text(row, 10);
  parameter.restart_required = context == "postmaster";
  parameter.pending_restart = rows.True(row, 11);
  parameter.description = rows.Text(row, 12);
  if (context == "internal") {
    parameter.access = ParameterAccess::kReadOnly;
    parameter.access_reason = "the server only tells it";
  } else if (rows.True(row, 15)) {
    parameter.access = ParameterAccess::kReadOnly;
    parameter.access_reason = "each transaction has its own";
  } else {
    const Access access = AccessOf(parameter.name, of_system);
    parameter.access = access.access;
    parameter.access_reason = access.reason;
  }
  return parameter;
}

}  // namespace

Result<Description> DescribeServer(const OpContext& ctx, Connection& connection,
                                   const ServerSettings& settings) {
  ASSIGN_OR_RETURN(const Rows facts,
                   connection.Query(ctx,
                                    "SELECT current_setting('server_version'), (extract(epoch FROM "
                                    "pg_postmaster_start_time()) * 1000000)::bigint"));
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, kQuery));
  Description description;
  description.server_version = facts.Text(0, 0);
  description.server_started = WallTime(std::chrono::microseconds(std::stoll(facts.Text(0, 1))));
  const Values constants = ConstantValues(settings), of_system = SystemValues(settings, {});
  description.parameters.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row)
    description.parameters.push_back(ParameterOf(rows, row, constants, of_system));
  return description;
}

}  // namespace dbagent::datastore::postgresql
