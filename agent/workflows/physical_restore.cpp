// Restore of a whole server: into a new generation beside the running one, then a switch.
#include <algorithm>

#include "agent/backup/stream_source.h"
#include "agent/os/files.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kStopBudget{5}, kStartBudget{30}, kSettleBudget{30};
constexpr std::chrono::minutes kUndoBudget{35};
// Beside the files themselves: the log that is applied, files that grow by it.
constexpr std::uint64_t kSpareRoom = 256ULL << 20U;

Status CheckRoom(const os::Volume& volume, const internal::Manifest& manifest) {
  std::uint64_t needed = kSpareRoom;
  for (const internal::Stream& stream : manifest.streams()) needed += stream.source_bytes();
  ASSIGN_OR_RETURN(const std::uint64_t free, os::FreeBytes(volume.root()));
  if (free >= needed) return Ok();
  return Error(Code::kResourceExhausted, "NO_SPACE",
               "unable to restore backup '{}': it needs {} bytes beside what is on the volume, {} "
               "are free",
               manifest.id(), needed, free)
      .WithHint("make the volume larger, or delete what is not needed");
}

bool IsUnpacked(const internal::GenerationPlan& plan, const std::string& archive) {
  return std::find(plan.unpacked().begin(), plan.unpacked().end(), archive) !=
         plan.unpacked().end();
}

}  // namespace

Result<datastore::UnpackSpec> Backups::UnpackArchives(operations::Running& running,
                                                      datastore::PhysicalBackup& engine,
                                                      const Place& place,
                                                      const backup::OpenedBackup& source,
                                                      const os::Generation& generation,
                                                      internal::GenerationPlan* plan) {
  const internal::Manifest& manifest = source.manifest;
  datastore::UnpackSpec spec{generation, "", {manifest.notes().begin(), manifest.notes().end()}};
  const OpContext& ctx = running.ctx();
  backup::ReadFlow flow(*place.store, budget_, &running.rate());
  std::uint64_t total = 0;
  for (const internal::Stream& stream : manifest.streams()) total += stream.source_bytes();
  ctx.BeginStep("copy", 70);
  ctx.SetTotalBytes(total);
  for (const internal::Stream& stream : manifest.streams()) {
    if (plan != nullptr && IsUnpacked(*plan, stream.name())) {
      ctx.AddBytes(stream.source_bytes());
      continue;
    }
    backup::StreamSource archive(ctx, flow, {place.instance, source, stream});
    spec.archive = stream.name();
    RETURN_IF_ERROR(engine.Unpack(ctx, spec, archive)
                        .Wrap(fmt::format("unable to unpack '{}'", stream.name())));
    if (plan != nullptr) {
      plan->add_unpacked(stream.name());
      RETURN_IF_ERROR(running.SavePlan(Serialise(*plan)));
    }
    KillPoint("restore_server.archive_unpacked");
  }
  AddReport(flow, running);
  return spec;
}

Status Backups::UnpackAll(operations::Running& running, const Place& place,
                          const backup::OpenedBackup& source, const os::Generation& generation) {
  RETURN_IF_ERROR(CheckRoom(context_.volume, source.manifest));
  return UnpackAndComplete(running, place, source, generation, nullptr);
}

Status Backups::UnpackAndComplete(operations::Running& running, const Place& place,
                                  const backup::OpenedBackup& source,
                                  const os::Generation& generation,
                                  internal::GenerationPlan* plan) {
  ASSIGN_OR_RETURN(datastore::PhysicalBackup* const engine, PhysicalEngine());
  ASSIGN_OR_RETURN(const datastore::UnpackSpec spec,
                   UnpackArchives(running, *engine, place, source, generation, plan));
  RETURN_IF_ERROR(running.ctx().Poll());  // who stops the agent now can still go on with them
  if (plan != nullptr) {
    plan->set_completing(true);
    RETURN_IF_ERROR(running.SavePlan(Serialise(*plan)));
  }
  KillPoint("restore_server.unpacked");
  running.ctx().BeginStep("complete", 15);
  return engine->Complete(running.ctx(), spec);
}

// Starts the server on a generation and has the driver look at all of it.
// The outcome is the restore's; what the start's way back did beside it stands in the log.
Status Backups::StartServer(const OpContext& ctx) {
  return configurations_.StartServer(ctx.WithBudget(kStartBudget), [](const std::string&) {});
}

Status Backups::StartOn(const OpContext& ctx, std::uint64_t generation) {
  ASSIGN_OR_RETURN(datastore::PhysicalBackup* const engine, PhysicalEngine());
  RETURN_IF_ERROR(context_.host.SwitchGeneration(generation));
  KillPoint("restore_server.switched");
  RETURN_IF_ERROR(StartServer(ctx));
  KillPoint("restore_server.started");
  return engine->Settle(ctx.WithBudget(kSettleBudget));
}

Status Backups::GoBack(const OpContext& ctx, std::uint64_t generation) {
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(context_.datastore.server(), "server_control", context_.datastore));
  RETURN_IF_ERROR(server->Stop(ctx.WithBudget(kStopBudget)));
  RETURN_IF_ERROR(context_.host.SwitchGeneration(generation));
  KillPoint("restore_server.went_back");
  return StartServer(ctx);
}

// From here on a cancel is not heard: the server is down, and what is begun is ended.
Status Backups::SwitchTo(operations::Running& running, internal::GenerationPlan& plan) {
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(context_.datastore.server(), "server_control", context_.datastore));
  const OpContext& ctx = running.ctx();
  RETURN_IF_ERROR(ctx.Poll());
  plan.set_switching(true);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("restore_server.switching");
  ctx.BeginStep("switch", 15);
  const OpContext unstoppable = ctx.ForCleanup(kStopBudget + kStartBudget + kSettleBudget);
  RETURN_IF_ERROR(server->Stop(unstoppable.WithBudget(kStopBudget)));
  KillPoint("restore_server.stopped");
  Status started = StartOn(unstoppable, plan.new_generation());
  if (started.ok()) {
    plan.set_settled(true);
    return running.SavePlan(Serialise(plan));
  }
  ctx.Say("the server does not run on the restored files; going back");
  const Status back = GoBack(ctx.ForCleanup(kUndoBudget), plan.old_generation());
  context_.monitor.Refresh();
  started = std::move(started).Wrap("the server does not run on the restored files");
  if (back.ok()) return std::move(started).WithHint("it runs on the files that it had before");
  return std::move(started).WithHint(
      fmt::format("going back to the files that it had before failed too: {}", back.FullMessage()));
}

Status Backups::RemoveOtherGenerations(std::uint64_t but) {
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, context_.volume.Numbers());
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> current, context_.volume.CurrentNumber());
  for (const std::uint64_t number : numbers) {
    if (number != current && number != but) RETURN_IF_ERROR(context_.host.RemoveGeneration(number));
  }
  return Ok();
}

// The plan's, when an earlier life began to unpack into it; else a new one.
Result<os::Generation> Backups::GenerationFor(operations::Running& running,
                                              const internal::Manifest& manifest,
                                              internal::GenerationPlan& plan) {
  if (plan.new_generation() != 0) return context_.volume.generation(plan.new_generation());
  RETURN_IF_ERROR(CheckRoom(context_.volume, manifest));
  ASSIGN_OR_RETURN(const os::Generation generation, context_.host.MakeGeneration());
  plan.set_new_generation(generation.number);
  plan.set_completing(false);
  plan.clear_unpacked();
  KillPoint("restore_server.generation_made");
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  return generation;
}

Status Backups::RunRestoreServer(operations::Running& running, const Place& place,
                                 const backup::OpenedBackup& source,
                                 internal::GenerationPlan plan) {
  running.SetBackupId(source.manifest.id());
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> old, context_.volume.CurrentNumber());
  plan.set_old_generation(old.value_or(0));
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("restore_server.planned");
  ASSIGN_OR_RETURN(const os::Generation generation, GenerationFor(running, source.manifest, plan));
  RETURN_IF_ERROR(UnpackAndComplete(running, place, source, generation, &plan));
  KillPoint("restore_server.completed");
  RETURN_IF_ERROR(SwitchTo(running, plan));
  KillPoint("restore_server.settled");
  context_.monitor.Refresh();
  return Ok();
}

Status Backups::RestoreServerOrUndo(operations::Running& running,
                                    const std::function<Status()>& restore) {
  Status restored = restore();
  if (!restored.ok()) {
    ASSIGN_OR_RETURN(auto plan, Parse<internal::GenerationPlan>(running.plan()));
    if (running.ctx().stop_reason() == StopReason::kShutdown && !plan.switching() &&
        CanGoOn(plan.resumption())) {
      running.LeaveForRecovery();
      return restored;
    }
    plan.clear_resumption();
    const Status saved = running.SavePlan(Serialise(plan));
    if (!saved.ok()) running.AddNote("its plan could not be changed: " + saved.FullMessage());
  }
  const Status removed = RemoveOtherGenerations();
  if (removed.ok()) return restored;
  telemetry::LogError("restore.cleanup_failed", "files of a restore could not be removed", removed);
  running.AddNote("files that are not needed could not be removed: " + removed.FullMessage());
  return restored;
}

Result<v1::Operation> Backups::RestoreServer(const Call& call, const Place& place,
                                             const backup::OpenedBackup& source,
                                             const v1::RestoreBackupRequest& request) {
  const internal::Manifest& manifest = source.manifest;
  RETURN_IF_ERROR(PhysicalEngine().status());
  if (request.databases_size() > 0 || request.with_users() || request.has_owner() ||
      request.run_as_superuser()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "backup '{}' is physical: it can only be restored as a whole", manifest.id())
        .WithHint(
            "leave databases, with_users, owner and run_as_superuser out, or use a logical backup");
  }
  if (!request.replace_everything()) {
    return Error(Code::kFailedPrecondition, "CONFIRMATION_REQUIRED",
                 "restoring backup '{}' replaces all databases and users that the server has now",
                 manifest.id())
        .WithHint(
            "if that is meant: replace_everything (`dbagentctl backup restore "
            "--replace-everything`)");
  }
  internal::GenerationPlan plan;
  *plan.mutable_resumption() = ResumptionOf(place, request);
  return Begin({"backup.restore_server",
                {},
                call.caller,
                request.request_id(),
                Serialise(WithoutCredentials(request))},
               place,
               [this, place, source, plan, rate = ReadRate(request)](operations::Running& running) {
                 running.rate().Set(rate);
                 return RestoreServerOrUndo(
                     running, [&] { return RunRestoreServer(running, place, source, plan); });
               });
}

// Before `switching` the running server was not touched, and unpacking goes on where it was. After
// it the new generation is whole and proven: forward if the server runs on it, else back.
Status Backups::RecoverRestoreServer(operations::Running& running) {
  if (running.plan().empty()) return NotBegun(running);
  ASSIGN_OR_RETURN(auto plan, Parse<internal::GenerationPlan>(running.plan()));
  if (!plan.switching()) {
    if (!CanGoOn(plan.resumption()) || plan.completing()) plan.set_new_generation(0);
    RETURN_IF_ERROR(RemoveOtherGenerations(plan.new_generation()));
    if (CanGoOn(plan.resumption())) {
      running.GoOnWith([this, plan](operations::Running& again) {
        return RestoreServerOrUndo(again, [&] { return RestoreServerAgain(again, plan); });
      });
      return Ok();
    }
    return Error(Code::kAborted, "INTERRUPTED",
                 "the agent was stopped while it restored; the server was not touched")
        .WithHint("restore again");
  }
  if (plan.settled()) return RemoveOtherGenerations();
  const OpContext ctx = running.ctx().ForCleanup(kUndoBudget);
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(context_.datastore.server(), "server_control", context_.datastore));
  RETURN_IF_ERROR(server->Stop(ctx.WithBudget(kStopBudget)));
  const Status started = StartOn(ctx, plan.new_generation());
  const std::string why = started.FullMessage();
  if (!started.ok()) RETURN_IF_ERROR(GoBack(ctx, plan.old_generation()));
  context_.monitor.Refresh();
  RETURN_IF_ERROR(RemoveOtherGenerations());
  if (started.ok()) return Ok();
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while it restored; the server did not run on the restored "
               "files and went back to those that it had: {}",
               why);
}

Status Backups::RestoreServerAgain(operations::Running& running, internal::GenerationPlan plan) {
  plan.mutable_resumption()->set_lives(plan.resumption().lives() + 1);
  running.AddNote(plan.new_generation() == 0
                      ? "the server's files are written again from the beginning"
                      : "it goes on where the server's files were on the disk");
  ASSIGN_OR_RETURN(const auto request,
                   Parse<v1::RestoreBackupRequest>(plan.resumption().request()));
  running.rate().Set(ReadRate(request));
  ASSIGN_OR_RETURN(const Place place, Find(request.store(), request.instance_id()));
  ASSIGN_OR_RETURN(
      const backup::OpenedBackup source,
      OpenSource(running.ctx(), place, request.backup_id(), request.accept_unencrypted()));
  running.rate().Set(ReadRate(request));
  return RunRestoreServer(running, place, source, plan);
}

}  // namespace dbagent::workflows
