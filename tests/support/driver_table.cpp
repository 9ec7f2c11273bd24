#include "tests/support/driver_table.h"

namespace dbagent::tests {

std::vector<ServerTraits> DriverTable() {
  std::vector<ServerTraits> table;
  table.push_back(MariadbTraits());
  table.push_back(MysqlTraits());
  table.push_back(PostgresqlTraits());
  return table;
}

}  // namespace dbagent::tests
