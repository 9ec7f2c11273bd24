#include "agent/os/priority.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "agent/base/unique_fd.h"

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

}  // namespace

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
