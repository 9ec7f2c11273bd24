#pragma once

#include <memory>
#include <optional>

#include "agent/os/child_process.h"
#include "agent/os/instance_host.h"
#include "agent/os/process_ledger.h"

namespace dbagent::os {

// Runs the tools of a table, each written down in a ledger from before it runs until it was reaped.
// Threads: any.
class ToolRunner {
 public:
  struct Options {
    Volume volume{Path()};
    std::vector<ToolDefinition> tools;
    Path ledger;
    std::optional<int> background_nice = {};
    std::optional<OsUser> user = {};  // whom they become
  };
  explicit ToolRunner(Options options) : options_(std::move(options)), ledger_(options_.ledger) {}

  // InstanceHost::RunTool.
  Result<std::unique_ptr<ChildProcess>> Run(const ToolCall& call) const;
  // Ends what an earlier life left.
  Status EndAll(Deadline deadline) const { return ledger_.EndAll(deadline); }

 private:
  const Options options_;
  const ProcessLedger ledger_;
};

}  // namespace dbagent::os
