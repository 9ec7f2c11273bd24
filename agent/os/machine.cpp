#include "agent/os/machine.h"

#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "agent/os/files.h"

namespace dbagent::os {
namespace {

// The number in a cgroup file; nothing when there is no file or it says `max`.
std::optional<std::uint64_t> CgroupLimit(const Path& path) {
  const Result<std::string> text = ReadFile(path);
  if (!text.ok()) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end == text->data()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::uint64_t> UsableMemory() {
  struct sysinfo info {};
  if (sysinfo(&info) != 0) {
    return Error(Code::kInternal, "IO_ERROR", "unable to ask for the machine's memory: {}",
                 std::strerror(errno));
  }
  std::uint64_t bytes = std::uint64_t{info.totalram} * info.mem_unit;
  ASSIGN_OR_RETURN(const std::string groups, ReadFile("/proc/self/cgroup"));
  // each line is `id:controllers:path`; the unified tree (v2) has no controllers
  for (std::size_t at = 0; at < groups.size();) {
    const std::size_t end = std::min(groups.find('\n', at), groups.size());
    const std::string line = groups.substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    std::optional<std::uint64_t> limit;
    if (controllers.empty()) limit = CgroupLimit("/sys/fs/cgroup" + path + "/memory.max");
    if (controllers == "memory")
      limit = CgroupLimit("/sys/fs/cgroup/memory" + path + "/memory.limit_in_bytes");
    if (limit) bytes = std::min(bytes, *limit);
  }
  return bytes;
}

std::uint32_t UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(CPU_COUNT(&set), 1));
}

}  // namespace dbagent::os
