#include "agent/os/process_ledger.h"

#include <charconv>
#include <sstream>

#include "agent/os/child_process.h"
#include "agent/os/process.h"

namespace dbagent::os {

Status ProcessLedger::Record(pid_t pid, const std::string& name) const {
  ASSIGN_OR_RETURN(const std::uint64_t start_time, ProcessStartTime(pid));
  ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  RETURN_IF_ERROR(MakeDirectories(directory_, 0700));
  return WriteFileAtomic(directory_ / std::to_string(pid),
                         fmt::format("{} {} {}\n", start_time, boot_id, name), 0600);
}

Status ProcessLedger::Remove(pid_t pid) const {
  return RemoveFile(directory_ / std::to_string(pid));
}

Status ProcessLedger::EndAll(Deadline deadline) const {
  ASSIGN_OR_RETURN(const bool exists, Exists(directory_));
  if (!exists) return Ok();
  ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory_));
  for (const std::string& name : names) RETURN_IF_ERROR(End(name, boot_id, deadline));
  return SyncDirectory(directory_);
}

Status ProcessLedger::End(const std::string& file_name, const std::string& boot_id,
                          Deadline deadline) const {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(directory_ / file_name));
  std::istringstream words(text);
  std::uint64_t start_time = 0;
  std::string recorded_boot;
  words >> start_time >> recorded_boot;
  pid_t pid = 0;
  const auto [end, error] =
      std::from_chars(file_name.data(), file_name.data() + file_name.size(), pid);
  // a file that says nothing is one whose writing was cut off: its process was never allowed to
  // begin
  const bool readable = error == std::errc() && end == file_name.data() + file_name.size() &&
                        pid > 0 && recorded_boot == boot_id;
  const std::optional<ProcessFacts> now = readable ? ReadProcess(pid) : std::nullopt;
  const bool number_reused = now && now->start_time != start_time;
  if (readable && !number_reused) RETURN_IF_ERROR(KillSession(pid, deadline));
  return RemoveFile(directory_ / file_name);
}

}  // namespace dbagent::os
