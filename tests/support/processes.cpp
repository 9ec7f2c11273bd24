#include "tests/support/processes.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "agent/os/process.h"

namespace dbagent::tests {
namespace {
constexpr int kTenSeconds = 10'000;
}

std::string ReadUntil(int fd, char end) {
  std::string text;
  char c = 0;
  for (;;) {
    pollfd fds[1] = {{fd, POLLIN, 0}};
    if (poll(fds, 1, kTenSeconds) <= 0 || read(fd, &c, 1) != 1 || c == end) return text;
    text += c;
  }
}

bool IsGoneSoon(pid_t pid) {
  const UniqueFd fd = os::OpenPidFd(pid);
  if (!fd.valid() || !os::ReadProcess(pid)) return true;
  return os::WaitUntilGone(fd.get(), Deadline::After(std::chrono::milliseconds(kTenSeconds)));
}

std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t Children() {
  std::size_t count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    for (pid_t pid = 0; list >> pid;) ++count;
  }
  return count;
}

}  // namespace dbagent::tests
