#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace dbagent::os {

// All that a child needs between fork and exec, where memory may not be allocated: prepared before.
struct ForkPlan {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;
  // Descriptor in the child → ours. Two more follow: the pipe on which the child waits for its
  // permission (a byte; the end means no) and the one on which it reports a failed step.
  std::vector<std::pair<int, int>> descriptors;
  int permission = -1;
  int report = -1;
  bool die_with_agent = true;
  std::optional<int> background_nice;
  std::optional<std::pair<uid_t, gid_t>> user = {};
};

// What the child reports when it cannot become the program.
struct ForkFailure {
  bool in_directory = false;  // the working directory; else exec
  int error = 0;
};

// Forks from the one thread that lives as long as the process: PR_SET_PDEATHSIG fires when the
// forking thread ends, not the process. Returns at once; the child waits for its permission in a
// session of its own. SPAWN_FAILED. Threads: any.
Result<pid_t> Fork(ForkPlan& plan);

}  // namespace dbagent::os
