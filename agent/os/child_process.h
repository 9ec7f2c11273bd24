#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/os/separation.h"

namespace dbagent::os {

struct ChildSpec {
  std::string name;                    // for messages: `mariadb-dump`
  std::string program;                 // absolute path; no shell, no PATH search
  std::vector<std::string> arguments;  // without argv[0]; never a secret
  std::map<std::string, std::string>
      environment;  // exactly this and nothing of ours; never a secret
  std::string working_directory = "/";
  int stdin_fd = -1;            // borrowed; -1 is /dev/null
  int stdout_fd = -1;           // borrowed; -1 is /dev/null
  int stderr_fd = -1;           // borrowed; -1: kept, see stderr_tail()
  std::map<int, int> more_fds;  // number in the child → ours (borrowed); how a secret gets there
  // A tool dies with the agent (its own session, PR_SET_PDEATHSIG from a thread that lives as long
  // as the process); a server does not (setsid only).
  bool outlive_agent = false;
  // It yields to everything else, with this nice value (priority.h).
  std::optional<int> background_nice;
  std::optional<OsUser> user = {};  // whom it becomes; only root can say so
  // Called in the parent with the child's pid before the child may exec; an error ends the child
  // unexecuted. Here the pid is written down, so that no crash of ours can leave a process that
  // nobody knows of.
  std::function<Status(pid_t)> before_exec;
};

struct ExitStatus {
  int code = 0;  // when signal is 0
  int signal = 0;
  bool success() const { return code == 0 && signal == 0; }
  std::string ToString() const;  // `exit code 3`, `killed by signal 9 (Killed)`
};

// A running program. Destroying one that runs kills its session's process group (KILL) and reaps
// it. Threads: Wait from one thread; Signal and stderr_tail from any.
class ChildProcess {
 public:
  // The program runs when this answers OK: an exec that fails is an error here (PROGRAM_NOT_FOUND,
  // EXEC_FAILED).
  static Result<std::unique_ptr<ChildProcess>> Spawn(const ChildSpec& spec);
  virtual ~ChildProcess() = default;

  virtual pid_t pid() const = 0;
  // Waits for the end. When ctx stops or runs out: TERM to the process group, `grace`, KILL; the
  // error is ctx's. The child is reaped in every case.
  virtual Result<ExitStatus> Wait(const OpContext& ctx,
                                  std::chrono::milliseconds grace = std::chrono::seconds(5)) = 0;
  virtual void Signal(int signal) = 0;  // to the process group; a process that is gone is fine
  // The last 4 KiB that it wrote to stderr, redacted. Complete after Wait.
  virtual std::string stderr_tail() const = 0;
};

// Wait, and turn an exit other than success into an error `unable to run <name>: <exit>: <stderr's
// last lines>` (TOOL_FAILED).
Status WaitForSuccess(const OpContext& ctx, ChildProcess& child, std::string_view name);

// The kernel's start time of a process (clock ticks since boot, /proc/<pid>/stat field 22), which
// with the pid and the boot id names a process for good. NOT_FOUND when there is none (a zombie
// counts as none).
Result<std::uint64_t> ProcessStartTime(pid_t pid);
Result<std::string> BootId();

}  // namespace dbagent::os
