#pragma once

#include <sys/types.h>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/os/child_process.h"

namespace dbagent::os {

// A program that runs. Nobody owns it yet: whoever takes this must reap it.
struct SpawnedProcess {
  pid_t pid = 0;
  UniqueFd pid_fd;
  UniqueFd stderr_pipe;  // read end; only when the spec has stderr_fd = -1
};

// As ChildProcess::Spawn, without an owner. After an error no process is left.
Result<SpawnedProcess> SpawnProcess(const ChildSpec& spec);

}  // namespace dbagent::os
