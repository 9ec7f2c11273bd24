#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/os/files.h"

// What the server's log and its programs' stderr say that a person needs. Threads: any.
namespace dbagent::datastore::postgresql {

// The errors among the lines, each once, without time and process: FATAL, PANIC and ERROR, what is
// wrong with a configuration file (it is logged as LOG), and their DETAIL and HINT. When there is
// none the last lines. One line, redacted. Pure.
std::string ErrorWords(std::string_view lines);

// ErrorWords of what was logged after `from`, a LogSize() (log_file.h).
std::string LogWords(const os::Path& log, std::uint64_t from);

}  // namespace dbagent::datastore::postgresql
