#pragma once

#include <vector>

#include "datastores/mysql/connection.h"
#include "datastores/mysql/program_options.h"

// The tables in which a running server describes its variables, which differ altogether between the
// products. Values are as the server says them; what is not in the tables is left as it is.
namespace dbagent::datastore::mysql {

Result<std::vector<Parameter>> MariadbVariables(Connection& connection, const OpContext& ctx);
// `options`: the defaults, and the types where an older server has no table of them.
Result<std::vector<Parameter>> MysqlVariables(Connection& connection, const OpContext& ctx,
                                              const ProgramOptions& options);

// What a number of this name counts, by the server's own naming; `block_size` as MariaDB says it,
// 0: unknown.
std::string UnitOf(std::string_view name, std::uint64_t block_size);

}  // namespace dbagent::datastore::mysql
