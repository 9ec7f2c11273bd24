#include "agent/base/kill_point.h"

#ifdef DBAGENT_KILL_POINTS
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "agent/base/unique_fd.h"

namespace dbagent {

void KillPoint(std::string_view name) {
  if (const char* log = std::getenv("DBAGENT_KILL_LOG"); log != nullptr) {
    const UniqueFd fd(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const std::string line = std::string(name) + "\n";
    if (write(fd.get(), line.data(), line.size()) < 0) std::abort();
  }
  const char* wanted = std::getenv("DBAGENT_KILL_AT");
  if (wanted == nullptr) return;
  std::string_view target(wanted);
  int nth = 1;
  if (const std::size_t colon = target.rfind(':'); colon != std::string_view::npos) {
    nth = std::atoi(wanted + colon + 1);
    target = target.substr(0, colon);
  }
  static std::atomic<int> reached = 0;
  if (target == name && ++reached == nth) kill(getpid(), SIGKILL);
}

}  // namespace dbagent
#endif
