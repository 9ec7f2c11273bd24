#include "agent/os/child_process.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <optional>

#include "agent/base/redact.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "agent/os/spawner.h"
#include "agent/os/stderr_tail.h"

namespace dbagent::os {
namespace {

class RunningChild : public ChildProcess {
 public:
  RunningChild(SpawnedProcess process, std::unique_ptr<StderrTail> tail)
      : process_(std::move(process)), tail_(std::move(tail)) {}

  ~RunningChild() override {
    Signal(SIGKILL);
    Reap();
  }

  pid_t pid() const override { return process_.pid; }

  Result<ExitStatus> Wait(const OpContext& ctx, std::chrono::milliseconds grace) override {
    const Status waited = WaitForEnd(ctx);
    if (!waited.ok()) {
      Signal(SIGTERM);
      if (!WaitUntilGone(process_.pid_fd.get(), Deadline::After(grace))) Signal(SIGKILL);
    }
    const ExitStatus status = Reap();
    if (!waited.ok()) return waited;
    return status;
  }

  void Signal(int signal) override {
    const std::lock_guard lock(mutex_);
    if (!exit_) kill(-process_.pid, signal);  // not reaped, so the number is still its own
  }

  std::string stderr_tail() const override { return tail_ ? Redact(tail_->text()) : std::string(); }

 private:
  // OK when the child has ended; else ctx's error.
  Status WaitForEnd(const OpContext& ctx) {
    const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake.valid()) return ErrnoError("make", "an event descriptor", errno);
    const std::stop_callback on_stop(ctx.stop(), [&] {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written =
          write(wake.get(), &one, sizeof one);  // cannot fill up: written once
    });
    for (;;) {
      pollfd fds[2] = {{process_.pid_fd.get(), POLLIN, 0}, {wake.get(), POLLIN, 0}};
      const auto remaining = ctx.deadline().Remaining(std::chrono::minutes(1));
      if (poll(fds, 2, static_cast<int>(remaining.count())) < 0 && errno != EINTR) {
        return ErrnoError("wait for", "a child process", errno);
      }
      if (fds[0].revents != 0) return Ok();
      RETURN_IF_ERROR(ctx.Poll());
    }
  }

  // Waits for the leader, kills what it left in its group while its number is still taken, and
  // reaps it.
  ExitStatus Reap() {
    if (exit_) return *exit_;
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(process_.pid_fd.get()), &info, WEXITED | WNOWAIT) !=
               0 &&
           errno == EINTR) {
    }
    {
      const std::lock_guard lock(mutex_);
      kill(-process_.pid, SIGKILL);
      while (waitid(P_PIDFD, static_cast<id_t>(process_.pid_fd.get()), &info, WEXITED) != 0 &&
             errno == EINTR) {
      }
      exit_ = info.si_code == CLD_EXITED ? ExitStatus{.code = info.si_status}
                                         : ExitStatus{.signal = info.si_status};
    }
    if (tail_) tail_->Finish();
    return *exit_;
  }

  const SpawnedProcess process_;
  const std::unique_ptr<StderrTail> tail_;
  std::mutex mutex_;  // of exit_ and of signalling against reaping
  std::optional<ExitStatus> exit_;
};

// The last lines of a text, at most `bytes` of it, on one line.
std::string LastLines(std::string_view text, std::size_t bytes) {
  if (text.size() > bytes) text.remove_prefix(text.size() - bytes);
  std::string line;
  for (char c : text) {
    if (c != '\n') {
      line += c;
    } else if (!line.ends_with(' ')) {
      line += ' ';
    }
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  const char* name = sigdescr_np(signal);
  return fmt::format("killed by signal {} ({})", signal, name != nullptr ? name : "unknown");
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(const ChildSpec& spec) {
  ASSIGN_OR_RETURN(SpawnedProcess process, SpawnProcess(spec));
  UniqueFd pipe = std::move(process.stderr_pipe);
  UniqueFd wake(pipe.valid() ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1);
  const int error = errno;
  const bool unheard = pipe.valid() && !wake.valid();
  std::unique_ptr<StderrTail> tail;
  if (wake.valid()) tail = std::make_unique<StderrTail>(std::move(pipe), std::move(wake));
  auto child = std::make_unique<RunningChild>(std::move(process), std::move(tail));
  if (unheard) return ErrnoError("make", "an event descriptor", error);
  return std::unique_ptr<ChildProcess>(std::move(child));
}

Status WaitForSuccess(const OpContext& ctx, ChildProcess& child, std::string_view name) {
  ASSIGN_OR_RETURN(const ExitStatus status, child.Wait(ctx));
  if (status.success()) return Ok();
  const std::string words = LastLines(child.stderr_tail(), 1000);
  return Error(Code::kInternal, "TOOL_FAILED", "unable to run {}: {}{}{}", name, status.ToString(),
               words.empty() ? "" : ": ", words);
}

}  // namespace dbagent::os
