#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datastores/mysql/server.h"

// A data directory as files, seen from outside.
namespace dbagent::datastore::mysql {

struct DataFiles {
  static constexpr std::size_t kMostKept = 1000;  // of each list

  // Of what a physical backup copies: without logs that it does not take and temporary files.
  std::uint64_t bytes = 0;
  // What leads out of the directory: symbolic links (tables of MyISAM and Aria with a DATA
  // DIRECTORY) and InnoDB's link files (`.isl`), as `shop/t.isl`.
  std::vector<std::string> links;
  std::vector<std::string> option_files;  // `*.cnf` at the top
};

// By a tool. Files that come and go meanwhile do no harm.
Result<DataFiles> ReadDataFiles(Server& server, const OpContext& ctx,
                                const os::Generation& generation);

}  // namespace dbagent::datastore::mysql
