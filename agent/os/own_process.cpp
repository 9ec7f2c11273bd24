#include "agent/os/own_process.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sstream>

#include "agent/os/files.h"

namespace dbagent::os {
namespace {

// proc(5): the second field, the program's name in brackets, may hold anything; starttime, in clock
// ticks since the machine's start, is the 22nd.
constexpr int kFieldsBeforeStart = 19;

}  // namespace

std::uint64_t ResidentBytes() {
  const Result<std::string> text = ReadFile("/proc/self/statm", 4096);
  if (!text.ok()) return 0;
  std::istringstream fields(*text);
  std::uint64_t whole = 0, resident = 0;
  fields >> whole >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t OpenDescriptors() {
  const Result<std::vector<std::string>> names = ListDirectory("/proc/self/fd");
  return names.ok() && !names->empty() ? names->size() - 1 : 0;  // less the one that lists them
}

double StartTimeSeconds() {
  const Result<std::string> text = ReadFile("/proc/self/stat", 4096);
  if (!text.ok()) return 0;
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text->substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  timespec now{}, since_boot{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto seconds = [](const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  return seconds(now) - seconds(since_boot) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace dbagent::os
