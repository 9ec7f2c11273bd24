#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/os/files.h"

// Processes that need not be children of ours, as /proc shows them. Threads: any.
namespace dbagent::os {

struct ProcessFacts {
  pid_t pid = 0, parent = 0, session = 0;
  std::uint64_t start_time = 0;
};

// Nothing when there is none; a zombie counts as none.
std::optional<ProcessFacts> ReadProcess(pid_t pid);
Result<std::vector<ProcessFacts>> AllProcesses();

// pidfd_open(2) and pidfd_send_signal(2), whose declarations in glibc 2.36 are not for C++; errno
// tells why not.
UniqueFd OpenPidFd(pid_t pid);
bool SignalPidFd(int pid_fd, int signal);

// A descriptor that stands for exactly this process, readable once it has ended; not valid when it
// is gone.
UniqueFd OpenProcess(pid_t pid, std::uint64_t start_time);
// Whether it has ended before the deadline.
bool WaitUntilGone(int pid_fd, Deadline deadline);

// The processes that `root` started, directly or not, as of now (without `root`).
Result<std::vector<ProcessFacts>> Descendants(pid_t root);

// Kills them (KILL) and waits until they are gone. PROCESS_STAYS when one is not by the deadline.
Status KillAll(const std::vector<ProcessFacts>& processes, Deadline deadline);
// The same for every process of a session, those that appear meanwhile too.
Status KillSession(pid_t session, Deadline deadline);
// The same for every process of this user whose working directory is `directory` or below it: a
// database server's own processes, whoever their parent is by now.
Status KillProcessesIn(const Path& directory, Deadline deadline);

}  // namespace dbagent::os
