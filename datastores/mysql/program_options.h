#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "datastores/mysql/server.h"

namespace dbagent::datastore::mysql {

// Options of the server's program by parameter, with the default; none: it has no default.
using ProgramOptions = std::map<std::string, std::optional<std::string>>;

// From what the program prints for `--verbose --help`. Pure.
ProgramOptions ParseProgramOptions(const Dialect& dialect, std::string_view help);

// Runs the program. What can stand in an option file is exactly this: the tables of the running
// server list variables, some of which are no options.
Result<ProgramOptions> ReadProgramOptions(Server& server, const OpContext& ctx);

}  // namespace dbagent::datastore::mysql
