#include "datastores/mysql/data_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <string_view>

namespace dbagent::datastore::mysql {
namespace {

bool IsLeftOut(const std::string& name) {
  static constexpr std::array<std::string_view, 6> kPrefixes = {
      "ib_logfile", "ibtmp", "binlog.", "#innodb_redo", "#innodb_temp", "#ib_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Calls `each` with name and lstat of what is in the directory; what is gone meanwhile is nothing.
Status ForEach(const os::Path& directory,
               const std::function<Status(const std::string&, const struct stat&)>& each) {
  const Result<std::vector<std::string>> names = os::ListDirectory(directory);
  if (!names.ok() && names.status().reason() == "NOT_FOUND") return Ok();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    struct stat facts {};
    const os::Path path = directory / name;
    if (lstat(path.c_str(), &facts) == 0) {
      RETURN_IF_ERROR(each(name, facts));
    } else if (errno != ENOENT) {
      return os::ErrnoError("look at", path, errno);
    }
  }
  return Ok();
}

}  // namespace

Result<DataFiles> ReadDataFiles(const os::Path& data) {
  DataFiles files;
  const auto add = [&files](const std::string& name, const struct stat& facts) {
    if (S_ISLNK(facts.st_mode) || name.ends_with(".isl")) files.links.push_back(name);
    if (S_ISREG(facts.st_mode)) files.bytes += static_cast<std::uint64_t>(facts.st_size);
  };
  // a database is one directory, with nothing but files in it
  RETURN_IF_ERROR(ForEach(data, [&](const std::string& name, const struct stat& facts) -> Status {
    if (IsLeftOut(name)) return Ok();
    if (name.ends_with(".cnf")) files.option_files.push_back(name);
    if (!S_ISDIR(facts.st_mode)) {
      add(name, facts);
      return Ok();
    }
    return ForEach(data / name, [&](const std::string& inner, const struct stat& inner_facts) {
      add(name + "/" + inner, inner_facts);
      return Ok();
    });
  }));
  return files;
}

}  // namespace dbagent::datastore::mysql
