#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/os/files.h"

namespace dbagent::datastore::postgresql {

// The file `tablespace_map` of a base backup, a line `<oid> <path>` for each tablespace (newlines
// and backslashes of a path after a backslash), with every path replaced by `<directory>/<oid>`.
// ARCHIVE_CORRUPT (DATA_LOSS): a line is not like that.
Result<std::string> MoveTablespaces(const std::string& map, const os::Path& directory);

}  // namespace dbagent::datastore::postgresql
