#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace dbagent::datastore::postgresql {

// SQL text: an expression that makes `name TO value` for a SET out of `line`, an expression that
// gives a line of pg_db_role_setting.setconfig (`name=value`). A value that is a list of quoted
// names stands there quoted already (as in pg_dump's variable_is_guc_list_quote).
inline std::string SettingSql(std::string_view line) {
  return fmt::format(
      "(SELECT quote_ident(n.name) || ' TO ' || CASE WHEN lower(n.name) IN ("
      "'local_preload_libraries', 'search_path', 'session_preload_libraries', "
      "'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories') AND n.value <> "
      "'' THEN n.value ELSE quote_literal(n.value) END FROM (SELECT split_part({0}, '=', 1) AS "
      "name, substr({0}, strpos({0}, '=') + 1) AS value) n)",
      line);
}

}  // namespace dbagent::datastore::postgresql
