#include "agent/base/kill_point.h"

#ifdef DBAGENT_KILL_POINTS
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "agent/base/unique_fd.h"

namespace dbagent {
namespace {

constexpr std::chrono::minutes kLongestHold{2};
constexpr std::chrono::milliseconds kLook{5};

void FollowControl(const std::string& file, std::string_view name) {
  std::string verb, target;
  int nth = 1;
  const std::string reached = file + ".reached";
  {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    {
      std::ifstream control(file);
      if (!(control >> verb >> target) || target != name) return;
      control >> nth;
    }
    if (nth > 1) {
      std::ofstream(file + ".next") << verb << ' ' << target << ' ' << nth - 1 << '\n';
      if (std::rename((file + ".next").c_str(), file.c_str()) != 0) std::abort();
      return;
    }
    if (std::rename(file.c_str(), reached.c_str()) != 0) return;  // taken back meanwhile
  }
  if (verb == "stop") raise(SIGSTOP);  // this thread first: not one step further
  const auto until = std::chrono::steady_clock::now() + kLongestHold;
  while (verb == "hold" && access(reached.c_str(), F_OK) == 0 &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace

void KillPoint(std::string_view name) {
  if (const char* log = std::getenv("DBAGENT_KILL_LOG"); log != nullptr) {
    const UniqueFd fd(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const std::string line = std::string(name) + "\n";
    if (write(fd.get(), line.data(), line.size()) < 0) std::abort();
  }
  if (const char* control = std::getenv("DBAGENT_POINT_CONTROL"); control != nullptr)
    FollowControl(control, name);
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
