#include "agent/os/direct_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "agent/os/process.h"
#include "agent/os/process_ledger.h"
#include "agent/os/server_supervisor.h"
#include "agent/os/tool_command.h"

namespace dbagent::os {
namespace {

constexpr auto kTakeOverBudget = std::chrono::seconds(30);

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

class DirectHost : public InstanceHost {
 public:
  explicit DirectHost(DirectHostOptions options)
      : volume_(std::move(options.volume)),
        table_(std::move(options.table)),
        ledger_(volume_.agent() / "children"),
        server_(volume_.agent() / "server", table_.server, std::move(options.on_event),
                options.transient_nice),
        transient_nice_(options.transient_nice) {}

  Result<Generation> MakeGeneration() override;
  Status SwitchGeneration(std::uint64_t number) override;
  Status RemoveGeneration(std::uint64_t number) override;
  Status RemoveCurrentLink() override;

  Result<std::unique_ptr<ChildProcess>> RunTool(const ToolCall& call) override;

  Status StartServer() override { return server_.Start(); }
  Status StopServer(const OpContext& ctx) override { return server_.Stop(ctx); }
  ServerProcessState ServerState() override { return server_.State(); }
  Status TakeOver() override {
    RETURN_IF_ERROR(ledger_.EndAll(Deadline::After(kTakeOverBudget)));
    return server_.TakeOver();
  }

 private:
  const Volume volume_;
  const ToolTable table_;
  const ProcessLedger ledger_;
  std::mutex generations_;
  ServerSupervisor server_;
  const std::optional<int> transient_nice_;
};

Result<Generation> DirectHost::MakeGeneration() {
  const std::lock_guard lock(generations_);
  RETURN_IF_ERROR(volume_.MakeLayout());
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, volume_.Numbers());
  const Generation made = volume_.generation(numbers.empty() ? 1 : numbers.back() + 1);
  for (const Path& directory : {made.root, made.data, made.log, made.tablespaces}) {
    RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  }
  return made;
}

Status DirectHost::SwitchGeneration(std::uint64_t number) {
  const std::lock_guard lock(generations_);
  ASSIGN_OR_RETURN(const bool exists, Exists(volume_.generation(number).data));
  if (!exists) {
    return Error(Code::kNotFound, "GENERATION_NOT_FOUND",
                 "unable to switch to generation {}: there is none", number);
  }
  Path next = volume_.current();
  next += ".new";
  RETURN_IF_ERROR(RemoveFile(next));  // of a switch that was cut off
  if (symlink(fmt::format("generations/{}", number).c_str(), next.c_str()) != 0)
    return ErrnoError("make link", next, errno);
  if (rename(next.c_str(), volume_.current().c_str()) != 0)
    return ErrnoError("replace", volume_.current(), errno);
  return SyncDirectory(volume_.root());
}

Status DirectHost::RemoveGeneration(std::uint64_t number) {
  const std::lock_guard lock(generations_);
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> current, volume_.CurrentNumber());
  if (current == number) {
    return Error(Code::kFailedPrecondition, "GENERATION_IN_USE",
                 "unable to remove generation {}: it is the current one", number);
  }
  RETURN_IF_ERROR(RemoveTree(volume_.generation(number).root));
  return SyncDirectory(volume_.generations());
}

Status DirectHost::RemoveCurrentLink() {
  const std::lock_guard lock(generations_);
  RETURN_IF_ERROR(RemoveFile(volume_.current()));
  return SyncDirectory(volume_.root());
}

Result<std::unique_ptr<ChildProcess>> DirectHost::RunTool(const ToolCall& call) {
  ASSIGN_OR_RETURN(const ToolDefinition* tool, FindTool(table_, call.name));
  ChildSpec spec;
  spec.name = tool->name;
  spec.program = tool->program;
  spec.environment = tool->environment;
  spec.stdin_fd = call.stdin_fd;
  spec.stdout_fd = call.stdout_fd;
  spec.more_fds = call.more_fds;
  spec.background_nice = transient_nice_;
  ASSIGN_OR_RETURN(spec.arguments, ToolArguments(*tool, call.parameters, volume_));
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

}  // namespace

std::unique_ptr<InstanceHost> MakeDirectHost(DirectHostOptions options) {
  return std::make_unique<DirectHost>(std::move(options));
}

Status DiscardVolume(const Volume& volume, Deadline deadline) {
  RETURN_IF_ERROR(ProcessLedger(volume.agent() / "children").EndAll(deadline));
  RETURN_IF_ERROR(KillProcessesIn(volume.root(), deadline));
  return RemoveTree(volume.root());
}

}  // namespace dbagent::os
