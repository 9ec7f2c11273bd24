#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/os/files.h"

// A data directory as files, seen from outside.
namespace dbagent::datastore::mysql {

struct DataFiles {
  // Of what a physical backup copies: without logs that it does not take and temporary files.
  std::uint64_t bytes = 0;
  // What leads out of the directory: symbolic links (tables of MyISAM and Aria with a DATA
  // DIRECTORY) and InnoDB's link files (`.isl`), as `shop/t.isl`.
  std::vector<std::string> links;
  std::vector<std::string> option_files;  // `*.cnf` at the top
};

// Files that come and go meanwhile do no harm.
Result<DataFiles> ReadDataFiles(const os::Path& data);

}  // namespace dbagent::datastore::mysql
