#pragma once

#include <vector>

#include "tests/support/server_traits.h"

namespace dbagent::tests {

// The servers that the contract suite can run against. A driver's own are in traits_<kind>.cpp.
std::vector<ServerTraits> DriverTable();
ServerTraits MariadbTraits();
ServerTraits MysqlTraits();
ServerTraits PostgresqlTraits();

}  // namespace dbagent::tests
