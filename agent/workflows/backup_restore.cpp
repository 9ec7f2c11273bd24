#include <algorithm>
#include <set>

#include "agent/base/pause.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/chunk_source.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{5};
constexpr std::chrono::milliseconds kServerPause{200};

datastore::DatabaseInfo ToInfo(const internal::Database& database, const std::string& name) {
  datastore::DatabaseInfo info{
      name, database.character_set(), database.collation(), database.ctype(), database.owner(), {},
      {}};
  if (database.has_connection_limit()) info.connection_limit = database.connection_limit();
  return info;
}

}  // namespace

Result<std::vector<Backups::Target>> Backups::Targets(
    const internal::Manifest& manifest, const v1::RestoreBackupRequest& request) const {
  std::vector<Target> targets;
  for (const internal::Stream& stream : manifest.streams()) {
    if (request.databases().empty()) targets.push_back({stream, stream.database().name(), false});
  }
  for (const v1::RestoreTarget& wanted : request.databases()) {
    const auto& streams = manifest.streams();
    const auto found = std::find_if(streams.begin(), streams.end(), [&](const internal::Stream& s) {
      return s.database().name() == wanted.database();
    });
    if (found == streams.end()) {
      return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "backup '{}' has no database '{}'",
                   manifest.id(), wanted.database())
          .WithHint("`dbagentctl backup get " + manifest.id() + "` lists what it has");
    }
    targets.push_back(
        {*found, wanted.restore_as().empty() ? wanted.database() : wanted.restore_as(), false});
  }
  std::set<std::string> names;
  for (Target& target : targets) {
    target.run_as_superuser = request.run_as_superuser();
    if (!names.insert(target.name).second) {
      return Error(Code::kInvalidArgument, "NAME_DUPLICATE",
                   "two databases would be restored as '{}'", target.name);
    }
  }
  return targets;
}

Status Backups::LoadStream(const OpContext& ctx, const Place& place, const std::string& backup,
                           const Target& target, const std::vector<internal::Chunk>& chunks) {
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine());
  backup::ChunkReader reader(*place.store, budget_,
                             backup::Repository(*place.store, place.instance).Folder(backup));
  ChunkSource source(reader, chunks);
  ctx.SetTotalBytes(target.stream.source_bytes());
  return engine->Load(ctx, {ToInfo(target.stream.database(), target.name), target.run_as_superuser},
                      source);
}

Status Backups::DropMade(const OpContext& ctx,
                         const google::protobuf::RepeatedPtrField<std::string>& databases) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Databases());
  for (const std::string& name : databases) RETURN_IF_ERROR(admin->Drop(ctx, name).status());
  return Ok();
}

// First every byte of everything is proven, then the first database is made.
Status Backups::RunRestore(operations::Running& running, const Place& place,
                           const std::string& backup, const std::vector<Target>& targets) {
  const OpContext& ctx = running.ctx();
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Databases());
  backup::Repository repository(*place.store, place.instance);
  std::uint64_t total = 0;
  for (const Target& target : targets) total += target.stream.stored_bytes();
  ctx.BeginStep("verify", 20);
  ctx.SetTotalBytes(total);
  backup::ChunkReader reader(*place.store, budget_, repository.Folder(backup));
  std::vector<std::vector<internal::Chunk>> chunks;
  for (const Target& target : targets) {
    const Result<datastore::DatabaseInfo> there = admin->Get(ctx, target.name);
    if (there.ok()) {
      return Error(Code::kAlreadyExists, "DATABASE_EXISTS",
                   "unable to restore database '{}': it exists", target.name)
          .WithHint("restore it under another name, or delete it first");
    }
    if (there.status().reason() != "DATABASE_NOT_FOUND") return there.status();
    ASSIGN_OR_RETURN(std::vector<internal::Chunk> of_stream,
                     repository.ReadIndexes(ctx, backup, target.stream));
    for (const internal::Chunk& chunk : of_stream) {
      RETURN_IF_ERROR(reader.Verify(ctx, chunk));
      ctx.AddBytes(chunk.stored_bytes());
    }
    chunks.push_back(std::move(of_stream));
  }
  KillPoint("restore.verified");

  internal::RestorePlan plan;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    ctx.BeginStep("load", 80.0 / static_cast<double>(targets.size()));
    ctx.Say(fmt::format("database {} of {}: {}", i + 1, targets.size(), targets[i].name));
    plan.add_databases(targets[i].name);
    RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
    KillPoint("restore.planned");
    Status loaded = LoadStream(ctx, place, backup, targets[i], chunks[i]);
    if (loaded.reason() ==
        "DATABASE_EXISTS") {  // somebody else made it meanwhile: not ours to drop
      plan.mutable_databases()->RemoveLast();
      RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
    }
    if (!loaded.ok())
      return std::move(loaded).Wrap(
          fmt::format("unable to restore database '{}'", targets[i].name));
    KillPoint("restore.loaded");
  }
  RETURN_IF_ERROR(ctx.Poll());
  plan.set_loaded(true);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("restore.all_loaded");
  return Ok();
}

Result<v1::Operation> Backups::Restore(const Call& call, const v1::RestoreBackupRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(const Place place, Find(request.store()));
  backup::Repository repository(*place.store, place.instance);
  ASSIGN_OR_RETURN(const internal::Manifest manifest,
                   repository.ReadManifest(call.Reading(), request.backup_id()));
  if (manifest.datastore() != context_.datastore.info().kind) {
    return Error(Code::kFailedPrecondition, "BACKUP_OF_OTHER_DATASTORE",
                 "backup '{}' is of {}, this instance is {}", manifest.id(), manifest.product(),
                 context_.datastore.info().product);
  }
  if (manifest.method() == "physical") return RestoreServer(call, place, manifest, request);
  RETURN_IF_ERROR(Engine().status());
  ASSIGN_OR_RETURN(const std::vector<Target> targets, Targets(manifest, request));
  std::vector<std::string> names;
  for (const Target& target : targets) names.push_back(target.name);
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"backup.restore", names, call.caller, request.request_id(), Serialise(request)},
          [this, place, id = manifest.id(), targets](operations::Running& running) -> Status {
            running.SetBackupId(id);
            Status restored = RunRestore(running, place, id, targets);
            if (restored.ok() || running.plan().empty()) return restored;
            ASSIGN_OR_RETURN(const auto plan, Parse<internal::RestorePlan>(running.plan()));
            const OpContext undo = running.ctx().ForCleanup(kUndoBudget);
            Status undone = DropMade(undo, plan.databases());
            // a server that ended under the restore is started again by its supervision
            while (!undone.ok() && undone.retryable() && !undo.deadline().expired()) {
              Pause(undo, kServerPause);
              undone = DropMade(undo, plan.databases());
            }
            if (undone.ok()) return restored;
            telemetry::LogError("restore.undo_failed",
                                "databases of a failed restore could not be dropped", undone);
            return std::move(restored).WithHint(fmt::format(
                "databases that it had made could not be dropped again ({}); delete them",
                undone.FullMessage()));
          }));
  return ToProto(record);
}

}  // namespace dbagent::workflows
