// Removing what backups left that never came to their end: Sweep of BackupService, and the sweep
// after each backup.
#include "agent/backup/sweep.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::size_t kFoldersNoted = 100;
constexpr std::chrono::minutes kSweepBudget{10};  // after a backup, which waits for it

void Tell(const backup::SweepReport& report, operations::Running& running) {
  std::size_t noted = 0;
  for (const backup::SweptFolder& folder : report.removed) {
    if (++noted > kFoldersNoted) break;
    running.AddNote(fmt::format("removed what backup '{}' left: {} objects, {} bytes",
                                folder.backup, folder.removed.objects, folder.removed.bytes));
  }
  for (const auto& [backup, why] : report.failed) {
    if (++noted > kFoldersNoted) break;
    running.AddNote(fmt::format("what backup '{}' left could not be removed: {}", backup, why));
  }
}

}  // namespace

Status Backups::RunSweep(operations::Running& running, const Place& place) {
  const OpContext& ctx = running.ctx();
  ctx.BeginStep("sweep");
  ASSIGN_OR_RETURN(
      const backup::SweepReport report,
      backup::Sweep(ctx, *place.store, place.instance, std::chrono::system_clock::now()));
  running.AddNote(fmt::format("{} abandoned backups removed, {} bytes; {} left alone",
                              report.removed.size(), report.bytes(), report.waiting.size()));
  Tell(report, running);
  if (report.failed.empty()) return Ok();
  return Error(Code::kFailedPrecondition, "SWEEP_INCOMPLETE",
               "unable to sweep store '{}' whole: {} abandoned backups stay, of the first: {}",
               place.name, report.failed.size(), report.failed.front().second)
      .WithHint("look at the operation's notes, mend the store, then sweep again");
}

void Backups::SweepAfterBackup(operations::Running& running, const Place& place) {
  const Result<backup::SweepReport> report =
      backup::Sweep(running.ctx().WithBudget(kSweepBudget), *place.store, place.instance,
                    std::chrono::system_clock::now());
  if (report.ok()) return Tell(*report, running);
  if (running.ctx().stop_reason() != StopReason::kNone) return;  // the next backup does it
  telemetry::LogError("backup.sweep_failed", "what earlier backups left could not be looked for",
                      report.status(), {{"store", place.name}});
  running.AddNote("what earlier backups left could not be looked for: " +
                  report.status().FullMessage());
}

Result<v1::Operation> Backups::Sweep(const Call& call, const v1::SweepBackupsRequest& request) {
  ASSIGN_OR_RETURN(const Place place, FindFor(request));
  return Begin({"backup.sweep",
                {},
                call.caller,
                request.request_id(),
                Serialise(WithoutCredentials(request))},
               place,
               [this, place](operations::Running& running) { return RunSweep(running, place); });
}

}  // namespace dbagent::workflows
