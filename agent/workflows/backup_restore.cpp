#include <algorithm>
#include <set>

#include "agent/backup/layout.h"
#include "agent/base/pause.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{5};
constexpr std::chrono::milliseconds kServerPause{200};

std::optional<internal::Stream> UsersOf(const internal::Manifest& manifest) {
  for (const internal::Stream& stream : manifest.streams()) {
    if (stream.name() == backup::kUsersStream) return stream;
  }
  return std::nullopt;
}

std::vector<LogicalRestoreSpec::Target> AllDatabases(const internal::Manifest& manifest) {
  std::vector<LogicalRestoreSpec::Target> targets;
  for (const internal::Stream& stream : manifest.streams()) {
    if (stream.has_database()) targets.push_back({stream, stream.database().name()});
  }
  return targets;
}

Status CheckNames(const std::vector<LogicalRestoreSpec::Target>& targets) {
  std::set<std::string> names;
  for (const auto& target : targets) {
    if (names.insert(target.name).second) continue;
    return Error(Code::kInvalidArgument, "NAME_DUPLICATE",
                 "two databases would be restored as '{}'", target.name);
  }
  return Ok();
}

}  // namespace

Result<backup::OpenedBackup> Backups::OpenSource(const OpContext& ctx, const Place& place,
                                                 const std::string& backup,
                                                 bool accept_unencrypted) const {
  ASSIGN_OR_RETURN(backup::OpenedBackup source,
                   backup::Repository(*place.store, place.instance).Open(ctx, backup, keys_));
  const internal::Manifest& manifest = source.manifest;
  if (manifest.datastore() != context_.datastore.info().kind) {
    return Error(Code::kFailedPrecondition, "BACKUP_OF_OTHER_DATASTORE",
                 "backup '{}' is of {}, this instance is {}", manifest.id(), manifest.product(),
                 context_.datastore.info().product);
  }
  if (!source.cipher && !keys_.empty() && !accept_unencrypted) {
    return Error(Code::kFailedPrecondition, "BACKUP_NOT_ENCRYPTED",
                 "backup '{}' is not encrypted, and this agent encrypts its backups: whoever can "
                 "write to the store could have made it",
                 manifest.id())
        .WithHint("if you know that it is yours: accept_unencrypted (`--accept-unencrypted`)");
  }
  return source;
}

Result<LogicalRestoreSpec> Backups::WhatToRestore(const internal::Manifest& manifest,
                                                  const v1::RestoreBackupRequest& request) const {
  if (request.replace_everything()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "backup '{}' is logical: it restores databases that do not exist and replaces "
                 "nothing",
                 manifest.id())
        .WithHint("leave replace_everything out, or name a physical backup");
  }
  LogicalRestoreSpec spec;
  spec.run_as_superuser = request.run_as_superuser();
  spec.one_by_one = manifest.load_one_by_one();
  ASSIGN_OR_RETURN(spec.at_a_time, AtATime(request.parallel()));
  if (request.has_owner()) {
    spec.owner = ToId(request.owner(), context_.datastore.info().kind == "mysql");
  }
  if (request.databases().empty()) spec.targets = AllDatabases(manifest);
  for (const v1::RestoreTarget& wanted : request.databases()) {
    const auto& streams = manifest.streams();
    const auto found = std::find_if(streams.begin(), streams.end(), [&](const internal::Stream& s) {
      return s.has_database() && s.database().name() == wanted.database();
    });
    if (found == streams.end()) {
      return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "backup '{}' has no database '{}'",
                   manifest.id(), wanted.database())
          .WithHint("`dbagentctl backup get " + manifest.id() + "` lists what it has");
    }
    spec.targets.push_back(
        {*found, wanted.restore_as().empty() ? wanted.database() : wanted.restore_as()});
  }
  RETURN_IF_ERROR(CheckNames(spec.targets));
  if (!request.with_users()) return spec;
  if (!request.databases().empty()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "users can only be restored with all databases of the backup")
        .WithHint("leave the databases out, or with_users");
  }
  spec.users = UsersOf(manifest);
  if (spec.users) return spec;
  return Error(Code::kFailedPrecondition, "USERS_NOT_IN_BACKUP", "backup '{}' has no users",
               manifest.id())
      .WithHint("only a backup of all databases has; restore it without with_users");
}

Result<v1::Operation> Backups::Restore(const Call& call, const v1::RestoreBackupRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(const Place place, FindFor(request, request.instance_id()));
  ASSIGN_OR_RETURN(
      const backup::OpenedBackup source,
      OpenSource(call.Reading(), place, request.backup_id(), request.accept_unencrypted()));
  if (source.manifest.method() == "physical") return RestoreServer(call, place, source, request);
  RETURN_IF_ERROR(Engine().status());
  ASSIGN_OR_RETURN(const LogicalRestoreSpec spec, WhatToRestore(source.manifest, request));
  std::vector<std::string> names;
  for (const auto& target : spec.targets) names.push_back(target.name);
  // with users nobody else may make any meanwhile: the undoing drops those of the plan
  const std::string kind = spec.users ? "backup.restore_users" : "backup.restore";
  internal::RestorePlan plan;
  *plan.mutable_resumption() = ResumptionOf(place, request);
  return Begin(
      {kind, names, call.caller, request.request_id(), Serialise(WithoutCredentials(request))},
      place,
      [this, place, source, spec, plan, rate = ReadRate(request)](operations::Running& running) {
        running.rate().Set(rate);
        return RestoreOrUndo(running, [&] { return Load(running, place, source, spec, plan); });
      });
}

internal::Resumption Backups::ResumptionOf(const Place& place,
                                           const v1::RestoreBackupRequest& request) {
  internal::Resumption resumption;
  v1::RestoreBackupRequest again = request;
  again.set_store(place.name);
  // a later life has no credentials for a store that the request brought: it can only undo
  if (!place.target) resumption.set_request(Serialise(again));
  resumption.set_lives(1);
  return resumption;
}

bool Backups::CanGoOn(const internal::Resumption& resumption) {
  return !resumption.request().empty() && resumption.lives() < kMostLives;
}

Status Backups::Load(operations::Running& running, const Place& place,
                     const backup::OpenedBackup& source, const LogicalRestoreSpec& spec,
                     const internal::RestorePlan& plan) {
  running.SetBackupId(source.manifest.id());
  const auto save = [&](const internal::RestorePlan& now) {
    return running.SavePlan(Serialise(now));
  };
  RETURN_IF_ERROR(save(plan));
  KillPoint("restore.begun");
  backup::ReadFlow flow(*place.store, budget_, &running.rate());
  LogicalRestore restore(context_, flow, place.instance, source, spec, save, plan);
  Status loaded =
      restore.Run(running.ctx(), [&](const std::string& note) { running.AddNote(note); });
  AddReport(flow, running);
  return loaded;
}

Status Backups::RestoreOrUndo(operations::Running& running,
                              const std::function<Status()>& restore) const {
  Status restored = restore();
  if (restored.ok() || running.plan().empty()) return restored;
  ASSIGN_OR_RETURN(auto plan, Parse<internal::RestorePlan>(running.plan()));
  if (running.ctx().stop_reason() == StopReason::kShutdown && CanGoOn(plan.resumption())) {
    running.LeaveForRecovery();
    return restored;
  }
  plan.clear_resumption();
  const Status saved = running.SavePlan(Serialise(plan));
  if (!saved.ok()) running.AddNote("its plan could not be changed: " + saved.FullMessage());
  KillPoint("restore.undoing");
  const OpContext undo = running.ctx().ForCleanup(kUndoBudget);
  Status undone = LogicalRestore::Undo(undo, context_, plan);
  // a server that ended under the restore is started again by its supervision
  while (!undone.ok() && undone.retryable() && !undo.deadline().expired()) {
    Pause(undo, kServerPause);
    undone = LogicalRestore::Undo(undo, context_, plan);
  }
  if (undone.ok()) return restored;
  telemetry::LogError("restore.undo_failed", "what a failed restore made could not be dropped",
                      undone);
  return std::move(restored).WithHint(fmt::format(
      "what it had made could not be dropped again ({}); delete it", undone.FullMessage()));
}

Status Backups::LoadAll(operations::Running& running, const Context& target, const Place& place,
                        const backup::OpenedBackup& source) {
  const internal::Manifest& manifest = source.manifest;
  const LogicalRestoreSpec spec{AllDatabases(manifest), UsersOf(manifest),         {}, false,
                                kDefaultAtATime,        manifest.load_one_by_one()};
  backup::ReadFlow flow(*place.store, budget_, &running.rate());
  LogicalRestore restore(target, flow, place.instance, source, spec,
                         [](const internal::RestorePlan&) { return Ok(); });
  RETURN_IF_ERROR(
      restore.Run(running.ctx(), [&](const std::string& note) { running.AddNote(note); }));
  AddReport(flow, running);
  return Ok();
}

Status Backups::RecoverRestore(operations::Running& running) {
  if (running.plan().empty()) return NotBegun(running);
  ASSIGN_OR_RETURN(const auto plan, Parse<internal::RestorePlan>(running.plan()));
  if (plan.loaded()) return Ok();
  if (CanGoOn(plan.resumption())) {
    running.GoOnWith([this, plan](operations::Running& again) {
      return RestoreOrUndo(again, [&] { return LoadRest(again, plan); });
    });
    return Ok();
  }
  RETURN_IF_ERROR(LogicalRestore::Undo(running.ctx(), context_, plan));
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while it restored; what it had made was dropped again")
      .WithHint("restore again");
}

// Databases that were being loaded are dropped and loaded again; with users everything is, since
// what an account may do comes after all databases.
Status Backups::LoadRest(operations::Running& running, internal::RestorePlan plan) {
  const OpContext& ctx = running.ctx();
  RETURN_IF_ERROR(WaitForServer(ctx));
  internal::RestorePlan dropped = plan;
  if (running.kind() == "backup.restore_users") plan.clear_finished();
  if (plan.finished_size() > 0) {
    const std::set<std::string> finished(plan.finished().begin(), plan.finished().end());
    auto& names = *dropped.mutable_databases();
    names.erase(std::remove_if(names.begin(), names.end(),
                               [&](const std::string& name) { return finished.contains(name); }),
                names.end());
    dropped.clear_stand_ins();  // they own what is in the finished ones
  } else {
    plan.clear_stand_ins();
  }
  RETURN_IF_ERROR(LogicalRestore::Undo(ctx, context_, dropped));
  plan.clear_users();
  *plan.mutable_databases() = plan.finished();
  plan.mutable_resumption()->set_lives(plan.resumption().lives() + 1);
  running.AddNote(fmt::format("{} databases were restored before", plan.finished_size()));
  ASSIGN_OR_RETURN(const auto request,
                   Parse<v1::RestoreBackupRequest>(plan.resumption().request()));
  running.rate().Set(ReadRate(request));
  ASSIGN_OR_RETURN(const Place place, Find(request.store(), request.instance_id()));
  ASSIGN_OR_RETURN(const backup::OpenedBackup source,
                   OpenSource(ctx, place, request.backup_id(), request.accept_unencrypted()));
  ASSIGN_OR_RETURN(const LogicalRestoreSpec spec, WhatToRestore(source.manifest, request));
  running.rate().Set(ReadRate(request));
  return Load(running, place, source, spec, plan);
}

}  // namespace dbagent::workflows
