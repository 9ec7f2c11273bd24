#pragma once

#include <cstdint>
#include <string>

#include "agent/os/files.h"

// A server's log, which lies in a directory of the server's own: what stands under its name is read
// only when it is a regular file, not through a link, and without waiting for a pipe's writer.
// Threads: any.
namespace dbagent::datastore {

// 0 when there is none.
std::uint64_t LogSize(const os::Path& log);
// What was logged after `from`, a LogSize(), at most the last `most` bytes of it; of a log that is
// shorter by now, which somebody has rotated, from its beginning. Empty when there is none.
std::string LogSince(const os::Path& log, std::uint64_t from, std::uint64_t most);

}  // namespace dbagent::datastore
