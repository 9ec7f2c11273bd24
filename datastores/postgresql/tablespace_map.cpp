#include "datastores/postgresql/tablespace_map.h"

namespace dbagent::datastore::postgresql {
namespace {

std::string Escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\' || c == '\n' || c == '\r') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<std::string> MoveTablespaces(const std::string& map, const os::Path& directory) {
  std::string out;
  std::size_t at = 0;
  while (at < map.size()) {
    const std::size_t space = map.find(' ', at);
    const std::string oid = map.substr(at, std::min(space, map.size()) - at);
    if (space == std::string::npos || oid.empty() ||
        oid.find_first_not_of("0123456789") != std::string::npos) {
      return Error(Code::kDataLoss, "ARCHIVE_CORRUPT", "the backup's tablespace_map is broken");
    }
    at = space + 1;
    while (at < map.size() && map[at] != '\n') at += map[at] == '\\' ? 2 : 1;
    ++at;
    out += oid + " " + Escaped((directory / oid).native()) + "\n";
  }
  return out;
}

}  // namespace dbagent::datastore::postgresql
