// Verification by restore: a backup is proven by a server that runs on it.
#include "agent/backup/layout.h"
#include "agent/backup/time.h"
#include "agent/backup/verify.h"
#include "agent/os/files.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"
#include "agent/workflows/scratch.h"

namespace dbagent::workflows {
namespace {

// Of a logical backup: the server's own files and its log. SQL takes more room as tables.
constexpr std::uint64_t kServerRoom = 768ULL << 20U;
constexpr std::uint64_t kTableBytesPerSqlByte = 2;
// Beside a physical one: the log that is applied, files that grow by it.
constexpr std::uint64_t kSpareRoom = 256ULL << 20U;
// With less than this left, what failed did so for want of room.
constexpr std::uint64_t kFull = 16ULL << 20U;

Status NoRoom(const std::string& backup, std::uint64_t needed, std::uint64_t free) {
  return Error(Code::kResourceExhausted, "NO_SPACE",
               "unable to restore backup '{}' into a scratch server: it needs {} bytes on the "
               "volume for a while, {} are free",
               backup, needed, free)
      .WithHint("make the volume larger, or verify on another instance's machine");
}

std::uint64_t RoomFor(const internal::Manifest& manifest) {
  std::uint64_t bytes = 0;
  for (const internal::Stream& stream : manifest.streams()) bytes += stream.source_bytes();
  return manifest.method() == "physical" ? bytes + kSpareRoom
                                         : bytes * kTableBytesPerSqlByte + kServerRoom;
}

Status CheckRoom(const os::Volume& volume, const internal::Manifest& manifest) {
  const std::uint64_t needed = RoomFor(manifest);
  ASSIGN_OR_RETURN(const std::uint64_t free, os::FreeBytes(volume.root()));
  return free >= needed ? Ok() : NoRoom(manifest.id(), needed, free);
}

// Whether a failed restore says something of the backup; else of the machine, the store, a cancel.
bool IsOfBackup(const Status& failure) {
  return failure.code() == Code::kDataLoss || failure.reason() == "SERVER_START_FAILED" ||
         failure.reason() == "TOOL_FAILED" || failure.reason() == "SERVER_ERROR";
}

void Keep(const datastore::DataReport& report, internal::Verification& found) {
  for (const std::string& check : report.checks) found.add_checks(check);
  found.set_databases(report.databases);
  found.set_tables(report.tables);
  found.set_finding_count(report.finding_count);
  for (const datastore::DataFinding& finding : report.findings) {
    internal::Finding& kept = *found.add_findings();
    kept.set_database(finding.database);
    kept.set_object(finding.object);
    kept.set_what(finding.what);
  }
}

}  // namespace

// Whatever the manifest says is there must be.
Status Backups::CompareDatabases(const OpContext& ctx, const Scratch& scratch,
                                 const internal::Manifest& manifest,
                                 datastore::DataReport& report) {
  datastore::Datastore& datastore = scratch.context().datastore;
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin,
                   Require(datastore.databases(), "database_admin", datastore));
  for (const internal::Stream& stream : manifest.streams()) {
    if (!stream.has_database()) continue;
    const Status there = admin->Get(ctx, stream.database().name()).status();
    if (there.ok()) continue;
    if (there.reason() != "DATABASE_NOT_FOUND") return there;
    report.Add({stream.database().name(), "", "the backup has it, the restored server has not"});
  }
  return Ok();
}

Status Backups::FillScratch(operations::Running& running, const Place& place,
                            const backup::OpenedBackup& source, Scratch& scratch,
                            datastore::DataReport& report) {
  const internal::Manifest& manifest = source.manifest;
  const OpContext& ctx = running.ctx();
  datastore::Datastore& datastore = scratch.context().datastore;
  ASSIGN_OR_RETURN(datastore::ConsistencyCheck* const check,
                   Require(datastore.consistency_check(), "consistency_check", datastore));
  if (manifest.method() == "physical") {
    ASSIGN_OR_RETURN(datastore::PhysicalBackup* const engine,
                     Require(datastore.physical_backup(), "physical_backup", datastore));
    ASSIGN_OR_RETURN(
        const datastore::UnpackSpec spec,
        UnpackArchives(running, *engine, place, source, scratch.generation(), nullptr));
    KillPoint("backup.verify_restore.unpacked");
    ctx.BeginStep("check files", 10);
    RETURN_IF_ERROR(check->CheckFiles(ctx, spec, report));
    ctx.BeginStep("complete", 10);
    RETURN_IF_ERROR(engine->Complete(ctx, spec));
    KillPoint("backup.verify_restore.completed");
    return scratch.Start(ctx);
  }
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(datastore.server(), "server_control", datastore));
  ctx.BeginStep("initialise", 10);
  RETURN_IF_ERROR(server->Initialise(ctx, {scratch.generation()}));
  KillPoint("backup.verify_restore.initialised");
  RETURN_IF_ERROR(scratch.Start(ctx));
  KillPoint("backup.verify_restore.started");
  return LoadAll(running, scratch.context(), place, source);
}

Status Backups::TestRestore(operations::Running& running, const Place& place,
                            const backup::OpenedBackup& source, Scratch& scratch,
                            internal::Verification& found) {
  const internal::Manifest& manifest = source.manifest;
  const OpContext& ctx = running.ctx();
  datastore::DataReport report;
  Status outcome = FillScratch(running, place, source, scratch, report);
  if (outcome.ok()) {
    KillPoint("backup.verify_restore.filled");
    datastore::Datastore& datastore = scratch.context().datastore;
    found.set_server_version(datastore.CheckHealth().server_version);
    ctx.BeginStep("check", 30);
    outcome = CompareDatabases(ctx, scratch, manifest, report);
    if (outcome.ok()) outcome = datastore.consistency_check()->CheckData(ctx, report);
  }
  Keep(report, found);
  return outcome;
}

// The scratch server goes, whatever came of it.
Status Backups::RunInScratch(operations::Running& running, const Place& place,
                             const backup::OpenedBackup& source, internal::Verification& found) {
  const internal::Manifest& manifest = source.manifest;
  RETURN_IF_ERROR(CheckRoom(context_.volume, manifest));
  Result<std::unique_ptr<Scratch>> scratch = Scratch::Make(context_);
  KillPoint("backup.verify_restore.made");
  Status outcome = scratch.ok() ? TestRestore(running, place, source, **scratch, found)
                                : Status(scratch.status());
  if (!outcome.ok() && IsOfBackup(outcome)) {
    const Result<std::uint64_t> free = os::FreeBytes(context_.volume.root());
    if (free.ok() && *free < kFull)
      outcome = NoRoom(manifest.id(), RoomFor(manifest), *free).WithCause(outcome);
  }
  KillPoint("backup.verify_restore.checked");
  const Status closed =
      scratch.ok() ? (*scratch)->Close(running.ctx()) : Scratch::Discard(context_);
  KillPoint("backup.verify_restore.closed");
  if (closed.ok()) return outcome;
  telemetry::LogError("verify.cleanup_failed", "a scratch server could not be removed", closed,
                      {{"backup", manifest.id()}});
  running.AddNote(
      "the scratch server's files could not be removed, the next such verification "
      "does it: " +
      closed.FullMessage());
  return outcome;
}

Status Backups::RunVerifyRestore(operations::Running& running, const Place& place,
                                 const std::string& backup, bool accept_unencrypted) {
  const OpContext& ctx = running.ctx();
  running.SetBackupId(backup);
  ASSIGN_OR_RETURN(const backup::OpenedBackup source,
                   OpenSource(ctx, place, backup, accept_unencrypted));
  internal::BackupPlan plan;
  KeepPlace(place, plan);
  plan.set_backup_id(backup);
  plan.set_verifying(true);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("backup.verify_restore.planned");
  internal::Verification found;
  found.set_level(backup::kRestoreLevel);
  backup::SetTime(std::chrono::system_clock::now(), *found.mutable_start_time());
  const Status outcome = RunInScratch(running, place, source, found);
  if (!outcome.ok()) {
    if (!IsOfBackup(outcome)) return outcome;
    found.set_failure(outcome.FullMessage());
    found.set_failure_reason(outcome.reason());
  }
  backup::SetTime(std::chrono::system_clock::now(), *found.mutable_end_time());
  running.AddNote(
      fmt::format("restored into a scratch server; {} tables in {} databases looked "
                  "at, {} damaged places",
                  found.tables(), found.databases(), found.finding_count()));
  return KeepVerification(running, place, backup, found);
}

Status Backups::RecoverVerifyRestore(operations::Running& running) {
  RETURN_IF_ERROR(Scratch::Discard(context_));
  if (running.plan().empty()) return NotBegun(running);
  ASSIGN_OR_RETURN(const auto plan, Parse<internal::BackupPlan>(running.plan()));
  running.SetBackupId(plan.backup_id());
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while it verified backup '{}'; the scratch server is gone, "
               "and nothing is known of the backup",
               plan.backup_id())
      .WithHint(fmt::format("verify it again: `dbagentctl backup verify {} --restore`",
                            plan.backup_id()));
}

}  // namespace dbagent::workflows
