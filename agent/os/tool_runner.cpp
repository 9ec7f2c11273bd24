#include "agent/os/tool_runner.h"

#include <utility>

#include "agent/os/tool_command.h"

namespace dbagent::os {
namespace {

// A tool that is taken off the ledger when it has been reaped.
class RecordedChild : public ChildProcess {
 public:
  RecordedChild(std::unique_ptr<ChildProcess> child, const ProcessLedger& ledger)
      : child_(std::move(child)), ledger_(ledger), pid_(child_->pid()) {}
  ~RecordedChild() override {
    child_.reset();
    RemoveRecord();
  }

  pid_t pid() const override { return pid_; }
  Result<ExitStatus> Wait(const OpContext& ctx, std::chrono::milliseconds grace) override {
    Result<ExitStatus> status = child_->Wait(ctx, grace);
    RemoveRecord();
    return status;
  }
  void Signal(int signal) override { child_->Signal(signal); }
  std::string stderr_tail() const override { return child_->stderr_tail(); }

 private:
  // Once only: the number may by now be another tool's.
  void RemoveRecord() {
    if (!std::exchange(recorded_, false)) return;
    ledger_.Remove(pid_).Ignore(
        "the agent's next start removes the record of a process that is gone");
  }

  std::unique_ptr<ChildProcess> child_;
  const ProcessLedger ledger_;
  const pid_t pid_;
  bool recorded_ = true;
};

}  // namespace

Result<std::unique_ptr<ChildProcess>> ToolRunner::Run(const ToolCall& call) const {
  ASSIGN_OR_RETURN(const ToolDefinition* tool, FindTool(options_.tools, call.name));
  ChildSpec spec;
  spec.name = tool->name;
  spec.program = tool->program;
  spec.environment = tool->environment;
  spec.stdin_fd = call.stdin_fd;
  spec.stdout_fd = call.stdout_fd;
  spec.stderr_fd = call.stderr_fd;
  spec.more_fds = call.more_fds;
  spec.background_nice = options_.background_nice;
  spec.user = options_.user;
  ASSIGN_OR_RETURN(spec.arguments, ToolArguments(*tool, call.parameters, options_.volume));
  pid_t recorded = 0;
  spec.before_exec = [&](pid_t pid) {
    recorded = pid;
    return ledger_.Record(pid, tool->name);
  };
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::Spawn(spec);
  if (child.ok())
    return std::unique_ptr<ChildProcess>(
        std::make_unique<RecordedChild>(*std::move(child), ledger_));
  if (recorded != 0)
    ledger_.Remove(recorded).Ignore(
        "the agent's next start removes the record of a process that is gone");
  return child;
}

}  // namespace dbagent::os
