#include "agent/os/direct_host.h"

#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "agent/os/process.h"
#include "agent/os/server_record.h"
#include "agent/os/server_supervisor.h"
#include "agent/os/systemd_unit.h"
#include "agent/os/tool_runner.h"
#include "agent/os/unit_environment.h"

namespace dbagent::os {
namespace {

constexpr auto kTakeOverBudget = std::chrono::seconds(30);

std::optional<OsUser> ServerUser(const DirectHostOptions& options) {
  return options.separation ? std::optional(options.separation->server) : std::nullopt;
}

Path RecordOf(const DirectHostOptions& options) {
  return (options.separation ? options.volume.helper() : options.volume.agent()) / kServerRecord;
}

Path LedgerOf(const DirectHostOptions& options) {
  return (options.separation ? options.machine_state : options.volume.agent()) / "children";
}

std::unique_ptr<ServiceManager> ManagerOf(const DirectHostOptions& options) {
  if (!options.unit.empty())
    return MakeSystemdUnit({options.unit, RecordOf(options), options.machine_state / "run-server",
                            UnitEnvironment(options.table.server.command), options.on_event});
  return std::make_unique<ServerSupervisor>(
      ServerSupervisor::Options{RecordOf(options), options.table.server, options.on_event,
                                options.transient_nice, ServerUser(options)});
}

class DirectHost : public InstanceHost {
 public:
  explicit DirectHost(DirectHostOptions options)
      : options_(std::move(options)),
        volume_(options_.volume),
        tools_({volume_, options_.table.tools, LedgerOf(options_), options_.transient_nice,
                ServerUser(options_)}),
        server_(ManagerOf(options_)) {}

  Status PrepareVolume() override;
  Result<Generation> MakeGeneration() override;
  Status SwitchGeneration(std::uint64_t number) override;
  Status RemoveGeneration(std::uint64_t number) override;
  Status RemoveCurrentLink() override;

  Result<std::unique_ptr<ChildProcess>> RunTool(const ToolCall& call) override {
    return tools_.Run(call);
  }

  Status StartServer() override { return server_->Start(); }
  Status StopServer(const OpContext& ctx) override { return server_->Stop(ctx); }
  ServerProcessState ServerState() override { return server_->State(); }
  Status TakeOver() override {
    RETURN_IF_ERROR(tools_.EndAll(Deadline::After(kTakeOverBudget)));
    return server_->Find();
  }
  Status ResumeServer() override { return server_->Resume(); }
  Status Discard(Deadline deadline) override;

 private:
  Status PrepareSeparated(const Separation& users);
  Status TakeOverRecord(const OsUser& agent) const;
  Status PrepareDirectories(const Generation& generation);
  Status Empty(const Generation& generation) const;

  const DirectHostOptions options_;
  const Volume volume_;
  const ToolRunner tools_;
  std::mutex generations_;
  const std::unique_ptr<ServiceManager> server_;
};

Status DirectHost::PrepareVolume() {
  const std::lock_guard lock(generations_);
  if (options_.separation) return PrepareSeparated(*options_.separation);
  RETURN_IF_ERROR(MakeDirectories(options_.runtime_directory, 0700));
  RETURN_IF_ERROR(volume_.MakeLayout());
  // what an older agent's generations have not got
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, volume_.Numbers());
  for (const std::uint64_t number : numbers)
    RETURN_IF_ERROR(PrepareDirectories(volume_.generation(number)));
  return Ok();
}

Status DirectHost::PrepareSeparated(const Separation& users) {
  const auto& [agent, server] = users;
  RETURN_IF_ERROR(MakeRootDirectory(volume_.root(), 0755));
  RETURN_IF_ERROR(CheckOnlyRootChanges(volume_.root()));
  RETURN_IF_ERROR(MakeRootDirectory(volume_.helper(), 0700));
  RETURN_IF_ERROR(MakeRootDirectory(volume_.generations(), 0755));
  RETURN_IF_ERROR(GiveDirectory(volume_.config(), {agent.uid, agent.gid, 0755}));
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, volume_.Numbers());
  for (const std::uint64_t number : numbers)
    RETURN_IF_ERROR(PrepareDirectories(volume_.generation(number)));
  RETURN_IF_ERROR(GiveDirectory(volume_.agent(), {agent.uid, agent.gid, 0700}));
  RETURN_IF_ERROR(TakeOverRecord(agent));
  // the agent, of the group, enters it; what the server makes in it has that group
  const DirectoryOwner owner{server.uid, agent.gid, 02710};
  const Path above = options_.runtime_directory.parent_path();
  RETURN_IF_ERROR(MakeRootDirectory(above, 0755));
  RETURN_IF_ERROR(CheckOnlyRootChanges(above));
  return GiveDirectory(options_.runtime_directory, owner);
}

// Of a volume that comes from direct mode: whether its server should run.
Status DirectHost::TakeOverRecord(const OsUser& agent) const {
  ASSIGN_OR_RETURN(const bool known, Exists(RecordOf(options_)));
  if (known) return Ok();
  const Result<std::optional<ServerRecord>> record = [&] {
    const ActAs as_agent(agent);
    return ReadServerRecord(volume_.agent() / kServerRecord);
  }();
  RETURN_IF_ERROR(record.status());
  return WriteServerRecord(RecordOf(options_), {.should_run = *record && (*record)->should_run});
}

Status DirectHost::PrepareDirectories(const Generation& generation) {
  if (!options_.separation) {
    for (const Path& directory :
         {generation.root, generation.data, generation.log, generation.tablespaces, generation.tmp})
      RETURN_IF_ERROR(MakeDirectories(directory, 0700));
    return Ok();
  }
  const auto& [agent, server] = *options_.separation;
  RETURN_IF_ERROR(MakeRootDirectory(generation.root, 0755));
  for (const Path& directory : {generation.data, generation.tablespaces, generation.tmp})
    RETURN_IF_ERROR(GiveDirectory(directory, {server.uid, server.gid, 0700}));
  // the agent, of the group, reads the server's log
  return GiveDirectory(generation.log, {server.uid, agent.gid, 02750});
}

Result<Generation> DirectHost::MakeGeneration() {
  const std::lock_guard lock(generations_);
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, volume_.Numbers());
  const Generation made = volume_.generation(numbers.empty() ? 1 : numbers.back() + 1);
  RETURN_IF_ERROR(PrepareDirectories(made));
  RETURN_IF_ERROR(SyncDirectory(volume_.generations()));
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

// What the server filled goes with the server's rights; the directories themselves are in root's.
Status DirectHost::Empty(const Generation& generation) const {
  const ActAs as_server(ServerUser(options_));
  for (const Path& directory :
       {generation.data, generation.log, generation.tablespaces, generation.tmp})
    RETURN_IF_ERROR(RemoveContents(directory));
  return Ok();
}

Status DirectHost::RemoveGeneration(std::uint64_t number) {
  const std::lock_guard lock(generations_);
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> current, volume_.CurrentNumber());
  if (current == number) {
    return Error(Code::kFailedPrecondition, "GENERATION_IN_USE",
                 "unable to remove generation {}: it is the current one", number);
  }
  RETURN_IF_ERROR(Empty(volume_.generation(number)));
  RETURN_IF_ERROR(RemoveTree(volume_.generation(number).root));
  return SyncDirectory(volume_.generations());
}

Status DirectHost::RemoveCurrentLink() {
  const std::lock_guard lock(generations_);
  RETURN_IF_ERROR(RemoveFile(volume_.current()));
  return SyncDirectory(volume_.root());
}

Status DirectHost::Discard(Deadline deadline) {
  const std::lock_guard lock(generations_);
  RETURN_IF_ERROR(tools_.EndAll(deadline));
  {
    const ActAs as_server(ServerUser(options_));
    RETURN_IF_ERROR(KillProcessesIn(volume_.root(), deadline));
    RETURN_IF_ERROR(RemoveContents(options_.runtime_directory));
  }
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, ListNumbers(volume_.generations()));
  for (const std::uint64_t number : numbers) RETURN_IF_ERROR(Empty(volume_.generation(number)));
  if (options_.separation) {
    const ActAs as_agent(options_.separation->agent);
    for (const Path& directory : {volume_.agent(), volume_.config()})
      RETURN_IF_ERROR(RemoveContents(directory));
  }
  RETURN_IF_ERROR(RemoveTree(volume_.root()));
  return RemoveTree(options_.runtime_directory);
}

}  // namespace

std::unique_ptr<InstanceHost> MakeDirectHost(DirectHostOptions options) {
  return std::make_unique<DirectHost>(std::move(options));
}

}  // namespace dbagent::os
