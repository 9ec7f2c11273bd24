#include "agent/os/server_record.h"

#include <sstream>

namespace dbagent::os {

Result<std::optional<ServerRecord>> ReadServerRecord(const Path& path) {
  ASSIGN_OR_RETURN(const bool exists, Exists(path));
  if (!exists) return std::optional<ServerRecord>();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::istringstream words(text);
  ServerRecord record;
  std::string state;
  words >> state >> record.pid >> record.start_time >> record.boot_id;
  if ((state != "run" && state != "stop") || !words) {
    return Error(Code::kFailedPrecondition, "CORRUPT_VOLUME",
                 "unable to use '{}': it is no server record", path.native());
  }
  record.should_run = state == "run";
  return std::optional<ServerRecord>(std::move(record));
}

Status WriteServerRecord(const Path& path, const ServerRecord& record) {
  return WriteFileAtomic(
      path,
      fmt::format("{} {} {} {}\n", record.should_run ? "run" : "stop", record.pid,
                  record.start_time, record.boot_id.empty() ? "-" : record.boot_id),
      0600);
}

}  // namespace dbagent::os
