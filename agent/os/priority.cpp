#include "agent/os/priority.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include "agent/base/unique_fd.h"
#include "agent/os/files.h"

namespace dbagent::os {
namespace {

// linux/ioprio.h, which newer kernels' headers have in a form that C++ cannot read
constexpr int kWhoProcess = 1, kClassIdle = 3, kClassShift = 13;

void Put(pid_t pid, const char* file, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return;
  [[maybe_unused]] const ssize_t written = write(fd.get(), text.data(), text.size());
}

constexpr int kYieldingSession = 10;  // nice; a tenth of the weight
// The kernel takes one such change in a tenth of a second, of all processes.
constexpr int kTries = 20;
constexpr std::chrono::milliseconds kBetweenTries{30};

struct OwnSession {
  std::mutex mutex;
  UniqueFd file;  // not valid: no such thing here
  int nice = 0;   // as it was
  int yields = 0;

  void Set(int value) const {
    const std::string text = std::to_string(value);
    for (int i = 0; i < kTries; ++i) {
      if (write(file.get(), text.data(), text.size()) >= 0 || errno != EAGAIN) return;
      std::this_thread::sleep_for(kBetweenTries);
    }
  }
};

OwnSession& TheSession() {
  static OwnSession session;
  return session;
}

}  // namespace

void SessionYield::Prepare() {
  if (getsid(0) != getpid()) return;
  const std::string path = "/proc/self/autogroup";
  const Result<std::string> text = ReadFile(path);  // `/autogroup-17 nice 0`
  if (!text.ok()) return;
  OwnSession& session = TheSession();
  const std::lock_guard lock(session.mutex);
  const std::size_t at = text->rfind(' ');
  if (at != std::string::npos)
    std::from_chars(text->data() + at + 1, text->data() + text->size(), session.nice);
  if (session.nice >= 0 && session.nice < kYieldingSession)
    session.file = UniqueFd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
}

SessionYield::SessionYield() {
  OwnSession& session = TheSession();
  const std::lock_guard lock(session.mutex);
  if (++session.yields == 1 && session.file.valid()) session.Set(kYieldingSession);
}

SessionYield::~SessionYield() {
  OwnSession& session = TheSession();
  const std::lock_guard lock(session.mutex);
  if (--session.yields == 0 && session.file.valid()) session.Set(session.nice);
}

void YieldToOthers(int nice) {
  setpriority(PRIO_PROCESS, 0, nice);
  syscall(SYS_ioprio_set, kWhoProcess, 0, kClassIdle << kClassShift);
}

void YieldFurther(pid_t session_leader, int nice) {
  // where the kernel groups by session, nice values count only within one
  Put(session_leader, "autogroup", std::to_string(nice));
  Put(session_leader, "oom_score_adj", "1000");
}

}  // namespace dbagent::os
