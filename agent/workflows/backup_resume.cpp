// A backup under which the agent was stopped or killed.
#include "agent/backup/lease.h"
#include "agent/base/pause.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kServerBudget{1};
constexpr std::chrono::milliseconds kServerPause{200};

}  // namespace

// After a restart of the machine it may come up later than the agent.
Status Backups::WaitForServer(const OpContext& ctx) const {
  const OpContext waiting = ctx.WithBudget(kServerBudget);
  for (;;) {
    const datastore::Health health = context_.datastore.CheckHealth();
    if (health.state == datastore::HealthState::kHealthy) return Ok();
    RETURN_IF_ERROR(ctx.Poll());
    if (waiting.deadline().expired()) {
      return Error(Code::kUnavailable, "SERVER_UNAVAILABLE",
                   "unable to go on after a restart of the agent: the server does not answer")
          .WithHint("`dbagentctl instance start`, then repeat the call");
    }
    Pause(waiting, kServerPause);
  }
}

Status Backups::RecoverCreate(operations::Running& running) {
  if (running.plan().empty()) return NotBegun(running);
  ASSIGN_OR_RETURN(auto plan, Parse<internal::BackupPlan>(running.plan()));
  if (plan.verifying()) {
    return RecoverVerifyRestore(running).Wrap(
        fmt::format("backup '{}' was made and is there", plan.backup_id()));
  }
  if (datastore::PhysicalBackup* const engine = context_.datastore.physical_backup())
    RETURN_IF_ERROR(engine->CleanUp(running.ctx()));
  running.SetBackupId(plan.backup_id());
  ASSIGN_OR_RETURN(const Place place, PlaceOf(running, plan));
  backup::Repository repository(*place.store, place.instance);
  const Result<bool> finished = repository.IsWhole(running.ctx(), plan.backup_id());
  if (!finished.ok()) return OrphanIfRefused(running, place, finished.status());
  ASSIGN_OR_RETURN(const auto request, Parse<v1::CreateBackupRequest>(plan.request()));
  if (*finished) {
    RETURN_IF_ERROR(repository.RemoveMarker(running.ctx(), plan.backup_id()));
    if (request.verify() == v1::VERIFY_LEVEL_UNSPECIFIED) return Ok();
    running.GoOnWith([this, place, request](operations::Running& again) {
      return VerifyAfterBackup(again, place, request.verify());
    });
    return Ok();
  }
  // an ORPHANED one has ended: only what it left is removed
  const bool too_often = plan.lives() >= kMostLives;
  if (!place.target && !plan.abandoned() && !too_often) {
    plan.set_lives(plan.lives() + 1);
    running.GoOnWith([this, place, plan, request](operations::Running& again) {
      return RunBackup(again, place, plan, request);
    });
    return Ok();
  }
  RETURN_IF_ERROR(
      OrphanIfRefused(running, place, repository.Remove(running.ctx(), plan.backup_id()).status()));
  return Error(Code::kAborted, "INTERRUPTED",
               "backup '{}' did not come to its end{}; what it had stored in {} was removed",
               plan.backup_id(),
               too_often
                   ? fmt::format(": the agent was stopped {} times while it made it", kMostLives)
                   : "",
               place.name)
      .WithHint(too_often ? "look for the reason in the agent's log, then take the backup again"
                          : "take the backup again");
}

}  // namespace dbagent::workflows
