#include "agent/os/process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>

#include "agent/os/child_process.h"
#include "agent/os/files.h"

namespace dbagent::os {
namespace {

// The fields of /proc/<pid>/stat after the command's name, which may hold anything, `)` and spaces
// too.
std::vector<std::string_view> FieldsAfterName(std::string_view stat) {
  std::vector<std::string_view> fields;
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return fields;
  std::size_t at = name_end + 1;
  while ((at = stat.find_first_not_of(" \n", at)) != std::string_view::npos) {
    const std::size_t end = std::min(stat.find_first_of(" \n", at), stat.size());
    fields.push_back(stat.substr(at, end - at));
    at = end;
  }
  return fields;
}

template <typename T>
bool ParseNumber(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<ProcessFacts> ReadProcess(pid_t pid) {
  const Result<std::string> stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!stat.ok()) return std::nullopt;
  const std::vector<std::string_view> fields = FieldsAfterName(*stat);
  // proc(5) counts from 1 and the name is field 2: state 3, parent 4, session 6, start time 22
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  ProcessFacts facts{.pid = pid};
  if (!ParseNumber(fields[1], facts.parent) || !ParseNumber(fields[3], facts.session) ||
      !ParseNumber(fields[19], facts.start_time)) {
    return std::nullopt;
  }
  return facts;
}

Result<std::vector<ProcessFacts>> AllProcesses() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::vector<ProcessFacts> all;
  for (const std::string& name : names) {
    pid_t pid = 0;
    if (!ParseNumber(name, pid)) continue;
    if (const std::optional<ProcessFacts> facts = ReadProcess(pid)) all.push_back(*facts);
  }
  return all;
}

UniqueFd OpenPidFd(pid_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool SignalPidFd(int pid_fd, int signal) {
  return syscall(SYS_pidfd_send_signal, pid_fd, signal, nullptr, 0) == 0;
}

UniqueFd OpenProcess(pid_t pid, std::uint64_t start_time) {
  UniqueFd fd = OpenPidFd(pid);
  // looked at after opening: from here on the descriptor cannot come to mean another process
  const std::optional<ProcessFacts> facts = ReadProcess(pid);
  if (!facts || facts->start_time != start_time) return UniqueFd();
  return fd;
}

bool WaitUntilGone(int pid_fd, Deadline deadline) {
  for (;;) {
    pollfd fds[1] = {{pid_fd, POLLIN, 0}};
    if (poll(fds, 1, static_cast<int>(deadline.Remaining(std::chrono::minutes(1)).count())) > 0) {
      return true;
    }
    if (deadline.expired()) return false;
  }
}

Result<std::vector<ProcessFacts>> Descendants(pid_t root) {
  ASSIGN_OR_RETURN(const std::vector<ProcessFacts> all, AllProcesses());
  std::vector<ProcessFacts> found;
  std::vector<pid_t> parents = {root};
  for (std::size_t i = 0; i < parents.size(); ++i) {
    for (const ProcessFacts& process : all) {
      if (process.parent != parents[i]) continue;
      parents.push_back(process.pid);
      found.push_back(process);
    }
  }
  return found;
}

Status KillAll(const std::vector<ProcessFacts>& processes, Deadline deadline) {
  std::vector<std::pair<pid_t, UniqueFd>> killed;
  for (const ProcessFacts& process : processes) {
    UniqueFd fd = OpenProcess(process.pid, process.start_time);
    if (!fd.valid()) continue;
    if (!SignalPidFd(fd.get(), SIGKILL) && errno != ESRCH) {
      return ErrnoError("kill process", std::to_string(process.pid), errno);
    }
    killed.emplace_back(process.pid, std::move(fd));
  }
  for (const auto& [pid, fd] : killed) {
    if (WaitUntilGone(fd.get(), deadline)) continue;
    return Error(Code::kInternal, "PROCESS_STAYS", "unable to end process {}: it does not go", pid)
        .WithHint(
            "look at its state in /proc: a process that waits for a broken disk cannot be ended");
  }
  return Ok();
}

Status KillSession(pid_t session, Deadline deadline) {
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<ProcessFacts> members, AllProcesses());
    std::erase_if(members, [&](const ProcessFacts& p) { return p.session != session; });
    if (members.empty()) return Ok();
    RETURN_IF_ERROR(KillAll(members, deadline));
  }
}

Status KillProcessesIn(const Path& directory, Deadline deadline) {
  std::error_code error;
  const Path real = std::filesystem::canonical(directory, error);
  if (error) return Ok();  // there is none, so nobody is in it
  const std::string below = real.native() + "/";
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<ProcessFacts> inside, AllProcesses());
    std::erase_if(inside, [&](const ProcessFacts& process) {
      if (process.pid == getpid()) return true;
      // that of another user's process cannot be read
      const Path at =
          std::filesystem::read_symlink("/proc/" + std::to_string(process.pid) + "/cwd", error);
      return error || !(at.native() + "/").starts_with(below);
    });
    if (inside.empty()) return Ok();
    RETURN_IF_ERROR(KillAll(inside, deadline));
  }
}

Result<std::uint64_t> ProcessStartTime(pid_t pid) {
  const std::optional<ProcessFacts> facts = ReadProcess(pid);
  if (!facts) {
    return Error(Code::kNotFound, "NOT_FOUND", "unable to find process {}: there is none", pid);
  }
  return facts->start_time;
}

Result<std::string> BootId() {
  ASSIGN_OR_RETURN(std::string id, ReadFile("/proc/sys/kernel/random/boot_id"));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace dbagent::os
