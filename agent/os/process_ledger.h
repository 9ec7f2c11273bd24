#pragma once

#include <sys/types.h>

#include <string>

#include "agent/base/op_context.h"
#include "agent/os/files.h"

namespace dbagent::os {

// Which tools run, on disk: a file `<directory>/<pid>` each, so that the agent's next life can end
// what this one leaves. Threads: any.
class ProcessLedger {
 public:
  explicit ProcessLedger(Path directory) : directory_(std::move(directory)) {}

  // Durable when it returns.
  Status Record(pid_t pid, const std::string& name) const;
  Status Remove(pid_t pid) const;
  // Kills the sessions of all recorded processes of this boot that are left, and empties the
  // ledger.
  Status EndAll(Deadline deadline) const;

 private:
  Status End(const std::string& file_name, const std::string& boot_id, Deadline deadline) const;

  Path directory_;
};

}  // namespace dbagent::os
