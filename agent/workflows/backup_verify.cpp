// Verify of BackupService, and what Get and List show of it.
#include "agent/backup/layout.h"
#include "agent/backup/verify.h"
#include "agent/workflows/backup_metrics.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {

Status Backups::RunVerify(operations::Running& running, const Place& place,
                          const std::string& backup) {
  const OpContext& ctx = running.ctx();
  running.SetBackupId(backup);
  ctx.BeginStep("verify");
  backup::ReadFlow flow(*place.store, budget_, &running.rate());
  ASSIGN_OR_RETURN(const internal::Verification found,
                   backup::Verify(ctx, flow, keys_, place.instance, backup));
  running.AddNote(fmt::format("{} objects looked at, {} bytes; {} bad", found.objects(),
                              found.stored_bytes(), found.bad_count()));
  AddReport(flow, running);
  KillPoint("backup.verified");
  return KeepVerification(running, place, backup, found);
}

Status Backups::KeepVerification(operations::Running& running, const Place& place,
                                 const std::string& backup, const internal::Verification& found) {
  const Status kept = backup::Repository(*place.store, place.instance)
                          .WriteVerification(running.ctx(), backup, found);
  if (kept.code() == Code::kCancelled || kept.reason() == "AGENT_STOPPING") return kept;
  if (!kept.ok()) running.AddNote("what was found could not be kept: " + kept.FullMessage());
  Status outcome = backup::ToStatus(found, backup);
  TellVerification(found, outcome.ok());
  return outcome;
}

Status Backups::VerifyAfterBackup(operations::Running& running, const Place& place,
                                  v1::VerifyLevel level) {
  if (level == v1::VERIFY_LEVEL_UNSPECIFIED) return Ok();
  ASSIGN_OR_RETURN(auto plan, Parse<internal::BackupPlan>(running.plan()));
  plan.set_verifying(true);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("backup.verifying");
  const bool restore = level == v1::VERIFY_LEVEL_RESTORE;
  // from here on it is nothing but a verification, which keeps other backups away no longer
  Status verified =
      running.ChangeLocks(restore ? "backup.verify_restore" : "backup.verify", {plan.backup_id()});
  if (verified.ok()) {
    verified = restore ? RunVerifyRestore(running, place, plan.backup_id(), false)
                       : RunVerify(running, place, plan.backup_id());
  }
  return std::move(verified).Wrap(
      fmt::format("backup '{}' was made and is there, its verification failed", plan.backup_id()));
}

Result<v1::Operation> Backups::Verify(const Call& call, const v1::VerifyBackupRequest& request) {
  const bool restore = request.level() == v1::VERIFY_LEVEL_RESTORE;
  ASSIGN_OR_RETURN(const Place place, FindFor(request));
  if (restore) {
    RETURN_IF_ERROR(CheckCanRestoreForVerify());
    RETURN_IF_ERROR(
        OpenSource(call.Reading(), place, request.id(), request.accept_unencrypted()).status());
  } else {
    const Status there = backup::Repository(*place.store, place.instance)
                             .ReadManifest(call.Reading(), request.id())
                             .status();
    if (!there.ok() && there.code() != Code::kDataLoss) return there;  // a broken one is to be told
  }
  return Begin(
      {restore ? "backup.verify_restore" : "backup.verify",
       {request.id()},
       call.caller,
       request.request_id(),
       Serialise(WithoutCredentials(request))},
      place,
      [this, place, restore, id = request.id(), accept_unencrypted = request.accept_unencrypted(),
       rate = ReadRate(request)](operations::Running& running) {
        running.rate().Set(rate);
        return restore ? RunVerifyRestore(running, place, id, accept_unencrypted)
                       : RunVerify(running, place, id);
      });
}

Status Backups::CheckCanRestoreForVerify() const {
  return Require(context_.datastore.consistency_check(), "backup_verify_restore",
                 context_.datastore)
      .status();
}

namespace {

void Describe(const internal::Verification& found, v1::VerifyReport& out) {
  out.set_level(found.level() == backup::kRestoreLevel ? v1::VERIFY_LEVEL_RESTORE
                                                       : v1::VERIFY_LEVEL_CHUNKS);
  out.set_seconds(std::chrono::duration<double>(FromTimestamp(found.end_time()) -
                                                FromTimestamp(found.start_time()))
                      .count());
  out.set_objects(found.objects());
  out.set_stored_bytes(found.stored_bytes());
  out.set_server_version(found.server_version());
  *out.mutable_checks() = found.checks();
  out.set_databases(found.databases());
  out.set_tables(found.tables());
  out.set_finding_count(found.finding_count());
  for (const internal::Finding& finding : found.findings()) {
    v1::VerifyFinding& shown = *out.add_findings();
    shown.set_database(finding.database());
    shown.set_object(finding.object());
    shown.set_what(finding.what());
  }
}

}  // namespace

v1::Backup Backups::Show(const OpContext& ctx, const Place& place,
                         const internal::Manifest& manifest) {
  v1::Backup shown = ToProto(manifest, place.name);
  const Result<std::optional<internal::Verification>> last =
      backup::Repository(*place.store, place.instance).LastVerification(ctx, manifest.id());
  if (!last.ok()) {
    ToProto(last.status(), *shown.mutable_last_verify_error());
  } else if (*last) {
    *shown.mutable_last_verify_time() = (*last)->end_time();
    Describe(**last, *shown.mutable_last_verify());
    const Status found = backup::ToStatus(**last, manifest.id());
    if (!found.ok()) ToProto(found, *shown.mutable_last_verify_error());
  }
  return shown;
}

}  // namespace dbagent::workflows
