#include "datastores/mysql/system_values.h"

#include <algorithm>
#include <charconv>

#include "datastores/mysql/bind_address.h"
#include "datastores/mysql/layout.h"
#include "datastores/mysql/template.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint16_t kDefaultPort = 3306;

// A quarter of the buffer pool that the template gives, whatever the group makes of it: a group
// must not make the log so small that a backup cannot follow it.
std::uint64_t RedoBytes(const Dialect& dialect, const ConfigurationSet& set) {
  const Values made = TemplateValues(dialect, set.flavor);
  const auto given = set.template_values.find("innodb_buffer_pool_size");
  const std::string& text =
      given != set.template_values.end() ? given->second : made.at("innodb_buffer_pool_size");
  std::uint64_t pool = 0;
  std::from_chars(text.data(), text.data() + text.size(), pool);
  return std::clamp(pool / 4 / kMiB, std::uint64_t{16}, std::uint64_t{2048}) * kMiB;
}

}  // namespace

Result<Values> SystemValues(const ServerSettings& settings, const Dialect& dialect,
                            const ConfigurationSet& set) {
  const Layout layout(settings);
  Values values = {{"basedir", layout.prefix.native()},
                   {"datadir", layout.data.native()},
                   {"tmpdir", layout.temporary.native()},
                   {"socket", layout.socket.native()},
                   {"pid_file", layout.pid_file.native()},
                   {"port", std::to_string(settings.port == 0 ? kDefaultPort : settings.port)},
                   {"skip_name_resolve", "ON"},
                   {"read_only", "OFF"}};
  ASSIGN_OR_RETURN(values["bind_address"], BindAddress(settings, dialect, set.allowed_networks));
  if (set.server_id != 0) values["server_id"] = std::to_string(set.server_id);
  dialect.AddSystemValues(RedoBytes(dialect, set), values);
  return values;
}

}  // namespace dbagent::datastore::mysql
