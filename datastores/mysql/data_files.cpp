#include "datastores/mysql/data_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "datastores/current_generation.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::mysql {
namespace {

// A database that is dropped while it is looked at makes the tool fail.
constexpr int kMostLooks = 5;

bool IsLeftOut(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kPrefixes = {
      "ib_logfile", "ibtmp", "binlog.", "#innodb_redo", "#innodb_temp", "#ib_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

void Keep(std::vector<std::string>& list, const std::string& name) {
  if (list.size() < DataFiles::kMostKept) list.push_back(name);
}

Result<DataFiles> Look(Server& server, const OpContext& ctx, const os::Generation& generation) {
  DataFiles files;
  RETURN_IF_ERROR(
      ForEachFile(ctx, server.host, {kListDataTool, GenerationParameter(generation), -1, -1, {}},
                  [&files](const ListedFile& file) -> Status {
                    const std::string_view name = file.name;
                    if (IsLeftOut(name.substr(0, name.find('/')))) return Ok();
                    const bool at_top = name.find('/') == std::string_view::npos;
                    if (at_top && name.ends_with(".cnf")) Keep(files.option_files, file.name);
                    if (file.kind == 'l' || (file.kind != 'd' && name.ends_with(".isl")))
                      Keep(files.links, file.name);
                    if (file.kind == 'f') files.bytes += file.bytes;
                    return Ok();
                  }));
  std::sort(files.links.begin(), files.links.end());
  std::sort(files.option_files.begin(), files.option_files.end());
  return files;
}

}  // namespace

Result<DataFiles> ReadDataFiles(Server& server, const OpContext& ctx,
                                const os::Generation& generation) {
  for (int looks = 1;; ++looks) {
    Result<DataFiles> files = Look(server, ctx, generation);
    if (files.status().reason() != "TOOL_FAILED" || looks == kMostLooks) return files;
  }
}

}  // namespace dbagent::datastore::mysql
