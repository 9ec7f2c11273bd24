#include "agent/os/fork_thread.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "agent/os/priority.h"

namespace dbagent::os {
namespace {

// ---- in the child: async-signal-safe calls only ----

[[noreturn]] void Fail(int report, bool in_directory) {
  const ForkFailure failure{in_directory, errno};
  [[maybe_unused]] const ssize_t written = write(report, &failure, sizeof failure);
  _exit(127);
}

void ResetSignals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal)
    sigaction(signal, &standard, nullptr);  // KILL and STOP refuse
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Puts every descriptor where the plan wants it and closes all others, before any waiting: a child
// that waits must not hold another child's pipe open. The two pipes go to the numbers after the
// highest wanted one.
void ArrangeDescriptors(ForkPlan& plan) {
  int highest = 2;
  for (const auto& [target, source] : plan.descriptors) highest = std::max(highest, target);
  const int base = highest + 3;
  const int inherited_report = plan.report;
  const auto move_up = [&](int& fd) {  // out of the way of the targets
    fd = fcntl(fd, F_DUPFD_CLOEXEC, base);
    if (fd < 0) Fail(inherited_report, false);
  };
  for (auto& [target, source] : plan.descriptors) move_up(source);
  move_up(plan.permission);
  move_up(plan.report);
  const int safe_report = plan.report;
  for (int fd = 0; fd <= highest; ++fd) {
    const auto wanted = std::find_if(plan.descriptors.begin(), plan.descriptors.end(),
                                     [&](const auto& pair) { return pair.first == fd; });
    if (wanted == plan.descriptors.end()) {
      close(fd);
    } else if (dup2(wanted->second, fd) < 0) {
      Fail(safe_report, false);
    }
  }
  if (dup3(plan.permission, highest + 1, O_CLOEXEC) < 0 ||
      dup3(plan.report, highest + 2, O_CLOEXEC) < 0) {
    Fail(safe_report, false);
  }
  plan.permission = highest + 1;
  plan.report = highest + 2;
  if (close_range(static_cast<unsigned>(base), ~0U, 0) != 0) Fail(plan.report, false);
}

// For good: no program that it becomes gets more rights than this user has.
bool BecomeUser(std::pair<uid_t, gid_t> user) {
  const auto [uid, gid] = user;
  return setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 &&
         setresuid(uid, uid, uid) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

[[noreturn]] void RunChild(ForkPlan& plan, pid_t agent) {
  setsid();
  if (plan.user && !BecomeUser(*plan.user)) Fail(plan.report, false);
  // after the ids, whose change would take it away
  if (plan.die_with_agent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != agent) _exit(127);  // it died before prctl
  }
  ResetSignals();
  if (plan.background_nice) YieldToOthers(*plan.background_nice);
  ArrangeDescriptors(plan);
  char permission = 0;
  ssize_t got = 0;
  do {
    got = read(plan.permission, &permission, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(127);
  if (chdir(plan.directory) != 0) Fail(plan.report, true);
  execve(plan.program, plan.arguments, plan.environment);
  Fail(plan.report, false);
}

// ---- in the agent ----

struct Job {
  ForkPlan* plan;
  pid_t pid = 0;  // 0: not done yet
  int error = 0;
};

class ForkThread {
 public:
  ForkThread() {
    std::thread([this] { Run(); }).detach();
  }

  void Do(Job& job) {
    std::unique_lock lock(mutex_);
    jobs_.push_back(&job);
    changed_.notify_all();
    changed_.wait(lock, [&] { return job.pid != 0; });
  }

 private:
  [[noreturn]] void Run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);  // no handler of ours may run in a child
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return !jobs_.empty(); });
      Job& job = *jobs_.front();
      jobs_.pop_front();
      const pid_t agent = getpid();
      const pid_t pid = fork();
      if (pid == 0) RunChild(*job.plan, agent);
      if (pid < 0) job.error = errno;
      job.pid = pid;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> jobs_;
};

}  // namespace

Result<pid_t> Fork(ForkPlan& plan) {
  static auto* thread = new ForkThread;  // lives as long as the process
  Job job{&plan};
  thread->Do(job);
  if (job.pid > 0) return job.pid;
  return Error(Code::kResourceExhausted, "SPAWN_FAILED", "unable to make a process: {}",
               std::strerror(job.error))
      .AsRetryable();
}

}  // namespace dbagent::os
