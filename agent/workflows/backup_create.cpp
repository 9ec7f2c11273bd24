#include <algorithm>
#include <set>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/layout.h"
#include "agent/backup/lease.h"
#include "agent/base/parallel.h"
#include "agent/stream/zstd_frame.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backup_metrics.h"
#include "agent/workflows/backup_run.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{5};
constexpr std::size_t kPageOfAll = 1000;

// Shows bytes as they are read from the dump.
class CountingSink : public stream::Sink {
 public:
  explicit CountingSink(stream::Sink& inner) : inner_(inner) {}
  Status Write(const OpContext& ctx, Bytes data) override {
    RETURN_IF_ERROR(inner_.Write(ctx, data));
    ctx.AddBytes(data.size());
    return Ok();
  }

 private:
  stream::Sink& inner_;
};

// Each archive of a physical backup becomes a stream of the manifest.
class StreamsOfArchives : public datastore::ArchiveWriter {
 public:
  explicit StreamsOfArchives(BackupRun& run) : run_(run) {}

  Result<stream::Sink*> Begin(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(End(ctx));
    writer_ = std::make_unique<backup::ChunkWriter>(
        ctx, run_.pipeline,
        backup::ChunkWriter::Options{
            run_.folder, static_cast<std::uint64_t>(run_.manifest.streams_size()), run_.cipher});
    run_.manifest.add_streams()->set_name(name);
    counting_ = std::make_unique<CountingSink>(*writer_);
    return counting_.get();
  }

  Status End(const OpContext& ctx) {
    if (writer_ == nullptr) return Ok();
    RETURN_IF_ERROR(
        writer_->Finish(ctx, *run_.manifest.mutable_streams(run_.manifest.streams_size() - 1)));
    counting_.reset();
    writer_.reset();
    return Ok();
  }

 private:
  BackupRun& run_;
  std::unique_ptr<backup::ChunkWriter> writer_;
  std::unique_ptr<CountingSink> counting_;
};

void Describe(const datastore::DatabaseInfo& info, internal::Database& out) {
  out.set_name(info.name);
  out.set_character_set(info.character_set);
  out.set_collation(info.collation);
  out.set_ctype(info.ctype);
  out.set_owner(info.owner);
  if (info.connection_limit) out.set_connection_limit(*info.connection_limit);
}

// How the backup was made, into the manifest and for people.
void Report(const backup::Pipeline& pipeline, internal::Manifest& manifest,
            operations::Running& running) {
  const auto seconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
  };
  for (const StageFigures& figures : pipeline.Figures()) {
    internal::StageReport& stage = *manifest.add_stages();
    stage.set_name(figures.name);
    stage.set_threads(figures.threads);
    stage.set_bytes(figures.bytes);
    stage.set_busy_seconds(seconds(figures.busy));
    stage.set_waited_seconds(seconds(figures.waited));
  }
  manifest.set_bottleneck(pipeline.Bottleneck());
  running.AddNote("bottleneck: " + manifest.bottleneck());
}

}  // namespace

// The named ones, each looked up; or all users' databases.
Result<std::vector<std::string>> Backups::WantedDatabases(
    const OpContext& ctx, const v1::CreateBackupRequest& request) const {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Databases());
  std::vector<std::string> names;
  if (request.databases_size() > 0) {
    for (const std::string& name : request.databases()) {
      RETURN_IF_ERROR(admin->Get(ctx, name).status());
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }
  datastore::PageRequest<std::string> asked{kPageOfAll, {}};
  for (;;) {
    ASSIGN_OR_RETURN(const datastore::Page<datastore::DatabaseInfo> page,
                     admin->List(ctx, asked, false));
    for (const datastore::DatabaseInfo& info : page.items) names.push_back(info.name);
    if (!page.more || page.items.empty()) return names;
    asked.start_after = page.items.back().name;
  }
}

Status Backups::DumpStream(const OpContext& ctx, BackupRun& run, std::uint64_t number,
                           internal::Stream& stream,
                           const std::function<Status(stream::Sink&)>& dump) {
  backup::ChunkWriter writer(ctx, run.pipeline, {run.folder, number, run.cipher});
  CountingSink sink(writer);
  RETURN_IF_ERROR(dump(sink));
  RETURN_IF_ERROR(writer.Finish(ctx, stream));
  KillPoint("backup.stream_dumped");
  RETURN_IF_ERROR(run.progress.Finished(stream));
  KillPoint("backup.stream_journalled");
  return Ok();
}

Status Backups::DumpDatabase(const OpContext& ctx, BackupRun& run, std::uint64_t number,
                             const std::string& database, internal::Stream& stream) {
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine());
  stream.set_name(backup::StreamNameOfDatabase(database));
  if (const internal::Stream* const finished = run.progress.FinishedEarlier(stream.name())) {
    stream = *finished;
    return Ok();
  }
  return DumpStream(ctx, run, number, stream,
                    [&](stream::Sink& sink) -> Status {
                      ASSIGN_OR_RETURN(const datastore::DumpFacts facts,
                                       engine->Dump(ctx, database, sink));
                      stream.set_tool(facts.tool);
                      Describe(facts.database, *stream.mutable_database());
                      return Ok();
                    })
      .Wrap(fmt::format("unable to back up database '{}'", database));
}

Status Backups::RunDumps(const OpContext& ctx, BackupRun& run,
                         const v1::CreateBackupRequest& request) {
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine());
  internal::Manifest& manifest = run.manifest;
  ASSIGN_OR_RETURN(const unsigned at_a_time, AtATime(request.parallel()));
  if (run.databases.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> wanted, WantedDatabases(ctx, request));
    ASSIGN_OR_RETURN(datastore::LoadSequence sequence, engine->SequenceOf(ctx, wanted));
    manifest.set_load_one_by_one(sequence.one_by_one);
    run.databases = std::move(sequence.databases);
    RETURN_IF_ERROR(run.progress.Save([&](internal::BackupPlan& plan) {
      plan.mutable_databases()->Assign(run.databases.begin(), run.databases.end());
      plan.mutable_manifest()->set_load_one_by_one(sequence.one_by_one);
    }));
  }
  const std::vector<std::string>& databases = run.databases;
  ctx.BeginStep("dump", 95);
  // users first: one that goes away meanwhile is then rather too many than too few
  if (request.databases().empty()) {
    internal::Stream& users = *manifest.add_streams();
    users.set_name(backup::kUsersStream);
    if (const internal::Stream* const finished = run.progress.FinishedEarlier(users.name())) {
      users = *finished;
    } else {
      RETURN_IF_ERROR(DumpStream(ctx, run, 0, users, [&](stream::Sink& sink) {
                        return engine->DumpUsers(ctx, sink);
                      }).Wrap("unable to back up the users"));
    }
  }
  const std::size_t first = static_cast<std::size_t>(manifest.streams_size());
  for (std::size_t i = 0; i < databases.size(); ++i) manifest.add_streams();
  return ForEachParallel(
      ctx, databases.size(), at_a_time, [&](const OpContext& part, std::size_t i) {
        part.Say(fmt::format("database {} of {}: {}", i + 1, databases.size(), databases[i]));
        return DumpDatabase(part, run, first + i, databases[i],
                            *manifest.mutable_streams(static_cast<int>(first + i)));
      });
}

Status Backups::RunPhysical(const OpContext& ctx, BackupRun& run) {
  ASSIGN_OR_RETURN(datastore::PhysicalBackup* const engine, PhysicalEngine());
  ctx.BeginStep("copy", 95);
  ASSIGN_OR_RETURN(const std::uint64_t bytes, engine->EstimateBytes(ctx));
  if (bytes > 0) ctx.SetTotalBytes(bytes);
  StreamsOfArchives archives(run);
  Result<datastore::PhysicalFacts> facts = engine->Take(ctx, archives);
  if (!facts.ok()) return std::move(facts).status().Wrap("unable to back up the server's files");
  RETURN_IF_ERROR(archives.End(ctx));
  KillPoint("backup.files_copied");
  for (internal::Stream& stream : *run.manifest.mutable_streams()) stream.set_tool(facts->tool);
  run.manifest.mutable_notes()->insert(facts->notes.begin(), facts->notes.end());
  return Ok();
}

// The request's wishes over the settings'. VALUE_INVALID.
Result<Backups::PipelineWishes> Backups::PipelineFor(const v1::CreateBackupRequest& request) const {
  const config::BackupSettings settings = context_.live_settings.Get()->backup;
  const auto invalid = [](std::string_view field, auto value, auto least, auto most) {
    return Error(Code::kInvalidArgument, "VALUE_INVALID", "{} is {}, {} to {} are allowed", field,
                 value, least, most);
  };
  PipelineWishes wishes;
  backup::PipelineOptions& options = wishes.options;
  options.level = settings.compression_level;
  options.adaptive = settings.adaptive_compression;
  options.compress_threads = settings.compression_threads;
  options.uploads = settings.uploads;
  options.chunk_bytes = settings.chunk_bytes;
  options.polite = settings.polite || request.polite();
  wishes.rate = settings.rate;
  if (request.compression_level() > 0) {
    if (request.compression_level() > stream::kHighestLevel)
      return invalid("compression_level", request.compression_level(), 1, stream::kHighestLevel);
    options.level = static_cast<int>(request.compression_level());
    options.adaptive = false;
  }
  if (request.adaptive_compression()) options.adaptive = true;
  if (request.compression_threads() > 0) {
    if (request.compression_threads() > config::kMostThreads)
      return invalid("compression_threads", request.compression_threads(), 1, config::kMostThreads);
    options.compress_threads = request.compression_threads();
  }
  if (request.uploads() > 0) {
    if (request.uploads() > config::kMostThreads)
      return invalid("uploads", request.uploads(), 1, config::kMostThreads);
    options.uploads = request.uploads();
  }
  if (request.chunk_bytes() > 0) {
    if (request.chunk_bytes() < config::kLeastChunkBytes ||
        request.chunk_bytes() > backup::kLargestChunkBytes) {
      return invalid("chunk_bytes", request.chunk_bytes(), config::kLeastChunkBytes,
                     backup::kLargestChunkBytes);
    }
    options.chunk_bytes = request.chunk_bytes();
  }
  if (request.bytes_per_second() > 0) wishes.rate = request.bytes_per_second();
  if (options.polite) options.compress_threads = 1;
  return wishes;
}

Result<std::optional<backup::BackupCipher>> Backups::CipherFor(
    const OpContext& ctx, storage::ObjectStore& store, const Place& place,
    const internal::BackupPlan& plan) const {
  if (!plan.manifest().has_encryption()) return std::optional<backup::BackupCipher>();
  if (plan.lives() > 1) {
    Result<backup::BackupCipher> earlier =
        backup::OpenKeySlot(ctx, store, keys_, plan.key_id(), place.instance, plan.backup_id());
    if (earlier.ok()) return std::optional(*std::move(earlier));
    // killed before it was written, and so before anything was encrypted by it
    if (earlier.status().reason() != "OBJECT_NOT_FOUND" || plan.manifest().streams_size() > 0)
      return std::move(earlier).status();
  }
  backup::BackupCipher cipher = backup::BackupCipher::New(place.instance, plan.backup_id());
  RETURN_IF_ERROR(backup::WriteKeySlot(ctx, store,
                                       backup::FolderOf(place.instance, plan.backup_id()),
                                       keys_.Wrap(cipher, place.instance, plan.backup_id())));
  KillPoint("backup.key_written");
  return std::optional(std::move(cipher));
}

// What stands before the first byte is read.
internal::BackupPlan Backups::PlanFor(const Place& place,
                                      const v1::CreateBackupRequest& request) const {
  internal::BackupPlan plan;
  KeepPlace(place, plan);
  plan.set_backup_id(NewId());
  plan.set_request(Serialise(request));
  plan.set_lives(1);
  internal::Manifest& manifest = *plan.mutable_manifest();
  manifest.set_format(backup::kFormat);
  manifest.set_id(plan.backup_id());
  manifest.set_instance_id(place.instance);
  manifest.set_datastore(context_.datastore.info().kind);
  manifest.set_product(context_.datastore.info().product);
  manifest.set_server_version(context_.datastore.CheckHealth().server_version);
  manifest.set_method(request.method() == v1::BACKUP_METHOD_PHYSICAL ? "physical" : "logical");
  ToTimestamp(std::chrono::system_clock::now(), *manifest.mutable_start_time());
  if (!keys_.empty()) {
    manifest.mutable_encryption()->set_cipher(backup::kCipher);
    plan.set_key_id(keys_.active());
  }
  return plan;
}

Status Backups::RunCreate(operations::Running& running, const Place& place,
                          const internal::BackupPlan& plan,
                          const v1::CreateBackupRequest& request) {
  const OpContext& ctx = running.ctx();
  const bool resumed = plan.lives() > 1;
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  running.SetBackupId(plan.backup_id());
  KillPoint("backup.planned");
  if (resumed) {
    RETURN_IF_ERROR(WaitForServer(ctx));
    running.AddNote(plan.manifest().method() == "physical"
                        ? "the server's files are copied again from the beginning"
                        : fmt::format("{} of its streams were finished before",
                                      plan.manifest().streams_size()));
  }
  const backup::Lease::Options options{place.instance, plan.backup_id(), running.id()};
  ASSIGN_OR_RETURN(const auto lease, resumed ? backup::Lease::TakeOver(ctx, *place.store, options)
                                             : backup::Lease::Take(ctx, *place.store, options));
  backup::LeasedStore leased(*place.store, *lease);
  backup::Repository repository(leased, place.instance);
  ASSIGN_OR_RETURN(const PipelineWishes wishes, PipelineFor(request));
  running.rate().Set(wishes.rate);
  backup::Pipeline pipeline(leased, budget_, running.rate(), wishes.options);
  internal::Manifest manifest = plan.manifest();
  manifest.clear_streams();
  BackupProgress progress(running, plan);
  BackupRun run{repository.Folder(plan.backup_id()), pipeline, manifest, progress, {}, {}};
  ASSIGN_OR_RETURN(run.cipher, CipherFor(ctx, leased, place, plan));
  run.databases.assign(plan.databases().begin(), plan.databases().end());
  RETURN_IF_ERROR(request.method() == v1::BACKUP_METHOD_PHYSICAL ? RunPhysical(ctx, run)
                                                                 : RunDumps(ctx, run, request));
  Report(pipeline, manifest, running);
  ctx.BeginStep("manifest", 5);
  if (resumed) RETURN_IF_ERROR(repository.RemoveOtherAttempts(ctx, manifest).status());
  RETURN_IF_ERROR(ctx.Poll());  // the last moment at which a cancel is heard
  ToTimestamp(std::chrono::system_clock::now(), *manifest.mutable_end_time());
  KillPoint("backup.before_manifest");
  RETURN_IF_ERROR(repository.Publish(ctx, *lease, manifest, run.cipher));
  TellBackupMade(manifest, running);
  const Status ended = lease->End(ctx.ForCleanup(kUndoBudget));
  if (!ended.ok()) running.AddNote("its marker could not be removed: " + ended.FullMessage());
  SweepAfterBackup(running, place);
  return Ok();
}

Status Backups::RunBackup(operations::Running& running, const Place& place,
                          const internal::BackupPlan& plan,
                          const v1::CreateBackupRequest& request) {
  const Status made = RunCreate(running, place, plan, request);
  if (made.ok()) return VerifyAfterBackup(running, place, request.verify());
  if (running.plan().empty()) return made;
  // credentials that came with the request are gone in the next life
  if (running.ctx().stop_reason() == StopReason::kShutdown && !place.target) {
    running.LeaveForRecovery();
    return made;
  }
  ASSIGN_OR_RETURN(auto abandoned, Parse<internal::BackupPlan>(running.plan()));
  abandoned.set_abandoned(true);
  const Status saved = running.SavePlan(Serialise(abandoned));
  if (!saved.ok()) running.AddNote("its plan could not be changed: " + saved.FullMessage());
  KillPoint("backup.undoing");
  const Status undone = Undo(running, place, plan.backup_id());
  if (undone.ok()) return made;
  telemetry::LogError("backup.undo_failed", "what a failed backup left could not be removed",
                      undone, {{"backup", plan.backup_id()}, {"store", place.name}});
  running.AddNote("what it had stored could not be removed: " + undone.FullMessage());
  return made;
}

Result<v1::Operation> Backups::Create(const Call& call, const v1::CreateBackupRequest& asked) {
  ASSIGN_OR_RETURN(const Place place, FindFor(asked));
  const v1::CreateBackupRequest request = WithoutCredentials(asked);
  RETURN_IF_ERROR(PipelineFor(request).status());
  RETURN_IF_ERROR(AtATime(request.parallel()).status());
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  RETURN_IF_ERROR(CheckOpens(call.Reading(), place));
  if (request.method() == v1::BACKUP_METHOD_PHYSICAL) {
    RETURN_IF_ERROR(PhysicalEngine().status());
    if (request.databases_size() > 0) {
      return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                   "a physical backup holds the whole server, it cannot be of single databases")
          .WithHint("leave the databases out, or take a logical backup");
    }
  } else {
    RETURN_IF_ERROR(Engine().status());
    RETURN_IF_ERROR(WantedDatabases(call.Reading(), request).status());
  }
  if (request.verify() == v1::VERIFY_LEVEL_RESTORE) RETURN_IF_ERROR(CheckCanRestoreForVerify());
  std::vector<std::string> targets(request.databases().begin(), request.databases().end());
  if (targets.empty()) targets.emplace_back("*");
  return Begin(
      {request.verify() == v1::VERIFY_LEVEL_RESTORE ? "backup.create_verified" : "backup.create",
       targets, call.caller, request.request_id(), Serialise(request)},
      place, [this, place, request](operations::Running& running) {
        return RunBackup(running, place, PlanFor(place, request), request);
      });
}

}  // namespace dbagent::workflows
