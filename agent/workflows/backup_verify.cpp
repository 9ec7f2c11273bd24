// Verify of BackupService, and what Get and List show of it.
#include "agent/backup/verify.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {

Status Backups::RunVerify(operations::Running& running, const Place& place,
                          const std::string& backup) {
  const OpContext& ctx = running.ctx();
  running.SetBackupId(backup);
  ctx.BeginStep("verify");
  ASSIGN_OR_RETURN(const internal::Verification found,
                   backup::Verify(ctx, *place.store, budget_, place.instance, backup));
  running.AddNote(fmt::format("{} objects looked at, {} bytes; {} bad", found.objects(),
                              found.stored_bytes(), found.bad_count()));
  KillPoint("backup.verified");
  const Status kept =
      backup::Repository(*place.store, place.instance).WriteVerification(ctx, backup, found);
  if (kept.code() == Code::kCancelled || kept.reason() == "AGENT_STOPPING") return kept;
  if (!kept.ok()) running.AddNote("what was found could not be kept: " + kept.FullMessage());
  return backup::ToStatus(found, backup);
}

Result<v1::Operation> Backups::Verify(const Call& call, const v1::VerifyBackupRequest& request) {
  ASSIGN_OR_RETURN(const Place place, Find(request.store()));
  const Status there = backup::Repository(*place.store, place.instance)
                           .ReadManifest(call.Reading(), request.id())
                           .status();
  if (!there.ok() && there.code() != Code::kDataLoss) return there;  // a broken one is to be told
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"backup.verify", {request.id()}, call.caller, request.request_id(), Serialise(request)},
          [this, place, id = request.id()](operations::Running& running) {
            return RunVerify(running, place, id);
          }));
  return ToProto(record);
}

v1::Backup Backups::Show(const OpContext& ctx, const Place& place,
                         const internal::Manifest& manifest) {
  v1::Backup shown = ToProto(manifest, place.name);
  const Result<std::optional<internal::Verification>> last =
      backup::Repository(*place.store, place.instance).LastVerification(ctx, manifest.id());
  if (!last.ok()) {
    ToProto(last.status(), *shown.mutable_last_verify_error());
  } else if (*last) {
    *shown.mutable_last_verify_time() = (*last)->end_time();
    const Status found = backup::ToStatus(**last, manifest.id());
    if (!found.ok()) ToProto(found, *shown.mutable_last_verify_error());
  }
  return shown;
}

}  // namespace dbagent::workflows
