// Stores that requests bring with them: opened, kept in plans without their credentials, cleaned
// when credentials come. RenewCredentials of BackupService.
#include "agent/storage/open_store.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{5};

}  // namespace

Result<Backups::Place> Backups::FindTarget(const std::string& store, const v1::StoreTarget& target,
                                           const std::string& instance) const {
  if (!store.empty()) {
    return Error(Code::kInvalidArgument, "TARGET_INVALID",
                 "the request names store '{}' and brings one of its own", store)
        .WithHint("leave one of `store` and `target` out");
  }
  ASSIGN_OR_RETURN(const config::StoreSettings settings,
                   ToStoreSettings(target, context_.live_settings.Get()->request_targets));
  ASSIGN_OR_RETURN(std::shared_ptr<storage::ObjectStore> opened, storage::OpenStore(settings));
  ASSIGN_OR_RETURN(const std::string whose, InstanceFor(instance));
  Place place{settings.name, std::move(opened), whose, target, settings.given()};
  WipeSecrets(*place.target->mutable_credentials());
  place.target->clear_credentials();
  return place;
}

// A caller is told at once what an operation would only wait for. Credentials that may not list are
// no reason: a backup needs no listing.
Status Backups::CheckOpens(const OpContext& ctx, const Place& place) {
  if (!place.target) return Ok();
  const Result<std::vector<storage::Listed>> listed =
      place.store->List(ctx, place.instance + "/", {.after = "", .limit = 1});
  if (listed.ok() || listed.status().reason() == "PERMISSION_DENIED") return Ok();
  return listed.status();
}

Result<v1::Operation> Backups::Begin(const operations::Spec& spec, const Place& place,
                                     operations::Body body) {
  ASSIGN_OR_RETURN(const operations::Record record,
                   context_.operations.Submit(spec, std::move(body)));
  // one of an earlier call of the same request goes on with its own
  if (place.target && !renewals_.Find(record.id))
    renewals_.Remember(record.id, {*place.target, place.credentials});
  return ToProto(record);
}

void Backups::KeepPlace(const Place& place, internal::BackupPlan& plan) {
  if (place.target) {
    *plan.mutable_target() = *place.target;
  } else {
    plan.set_store(place.name);
  }
}

Result<Backups::Place> Backups::PlaceOf(operations::Running& running,
                                        const internal::BackupPlan& plan) {
  if (!plan.has_target()) return Find(plan.store());
  std::optional<config::StoreCredentials> brought = renewals_.Take(running.id());
  if (!brought) {
    running.LeaveOrphaned();
    return Error(Code::kFailedPrecondition, "CREDENTIALS_GONE",
                 "the agent was stopped under operation '{}', and the credentials of store '{}' "
                 "were only in its memory: what the operation left there stays for now",
                 running.id(), NameOf(plan.target()))
        .WithHint("give new ones: RenewCredentials (`dbagentctl backup renew-credentials " +
                  running.id() + "`)");
  }
  const auto opened = [&]() -> Result<Place> {
    ASSIGN_OR_RETURN(const config::StoreSettings settings,
                     ToStoreSettings(plan.target(), context_.live_settings.Get()->request_targets,
                                     *std::move(brought)));
    ASSIGN_OR_RETURN(std::shared_ptr<storage::ObjectStore> store, storage::OpenStore(settings));
    ASSIGN_OR_RETURN(const std::string whose, InstanceFor(""));
    return Place{settings.name, std::move(store), whose, plan.target(), settings.given()};
  };
  Result<Place> place = opened();
  if (!place.ok()) {
    running.LeaveOrphaned();
    return place;
  }
  // whoever brought them is told at once when the store refuses these, too
  place->credentials->EndWaiting();
  renewals_.Remember(running.id(), {*place->target, place->credentials});
  return place;
}

Status Backups::OrphanIfRefused(operations::Running& running, const Place& place, Status outcome) {
  if (!place.target || outcome.ok() || !storage::IsRefusal(outcome)) return outcome;
  running.LeaveOrphaned();
  running.AddNote(
      fmt::format("what it left in {} stays until it gets credentials that the store "
                  "takes",
                  place.name));
  return outcome;
}

Status Backups::Undo(operations::Running& running, const Place& place, const std::string& backup) {
  const OpContext cleanup = running.ctx().ForCleanup(kUndoBudget);
  // it has waited for renewed ones already, and is ended; when they come later it is taken up again
  if (place.credentials) place.credentials->EndWaiting();
  for (;;) {
    const std::uint64_t seen = place.credentials ? place.credentials->renewals() : 0;
    Status removed =
        backup::Repository(*place.store, place.instance).Remove(cleanup, backup).status();
    const bool came_meanwhile = place.credentials && place.credentials->renewals() != seen;
    if (removed.ok() || !storage::IsRefusal(removed) || !came_meanwhile)
      return OrphanIfRefused(running, place, std::move(removed));
  }
}

Result<v1::Operation> Backups::RenewCredentials(const Call& /*call*/,
                                                const v1::RenewCredentialsRequest& request) {
  const std::string& id = request.operation_id();
  ASSIGN_OR_RETURN(const operations::Record record, context_.operations.Get(id));
  if (record.state == operations::State::kOrphaned) {
    ASSIGN_OR_RETURN(const auto plan, Parse<internal::BackupPlan>(record.plan));
    ASSIGN_OR_RETURN(config::StoreCredentials credentials,
                     ToCredentials(request.credentials(), plan.target(), "credentials"));
    renewals_.Bring(id, std::move(credentials));
    const Result<operations::Record> taken_up = context_.operations.RecoverOrphan(id);
    if (taken_up.ok()) return ToProto(*taken_up);
    renewals_.Take(id);
    return taken_up.status();
  }
  if (operations::HasEnded(record.state)) {
    return Error(Code::kFailedPrecondition, "OPERATION_ENDED",
                 "operation '{}' ({}) has ended and left nothing that needs credentials", id,
                 record.kind);
  }
  if (const std::optional<Renewals::Running> running = renewals_.Find(id)) {
    ASSIGN_OR_RETURN(config::StoreCredentials credentials,
                     ToCredentials(request.credentials(), running->target, "credentials"));
    running->credentials->Renew(std::move(credentials));
    return ToProto(record);
  }
  if (record.state == operations::State::kInterrupted) {
    return Error(Code::kAborted, "STILL_RUNNING", "operation '{}' ({}) is being recovered", id,
                 record.kind)
        .WithHint("repeat the call a little later")
        .AsRetryable();
  }
  return Error(Code::kFailedPrecondition, "NO_TARGET",
               "operation '{}' ({}) has no store that its request brought", id, record.kind)
      .WithHint("the credentials of the settings' stores are read again from where they lie");
}

}  // namespace dbagent::workflows
