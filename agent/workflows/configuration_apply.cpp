// A change of the configuration: journalled, carried through or taken back, also by a later life of
// the agent.
#include <set>

#include "agent/base/kill_point.h"
#include "agent/base/pause.h"
#include "agent/workflows/configurations.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::uint32_t kDefaultRestartSeconds = 300, kLongestRestartSeconds = 86400;
constexpr std::chrono::minutes kStopBudget{5}, kLiveBudget{5}, kStartBudget{30}, kTryBudget{2};
constexpr std::chrono::milliseconds kHealthPause{200};

Status DriftError(const std::vector<v1::Drift>& drift) {
  const v1::Drift& first = drift.front();
  const std::string what = first.kind() == v1::FILE_EDITED
                               ? fmt::format("file '{}' was changed by hand", first.detail())
                               : fmt::format("parameter '{}' was set to '{}' by others",
                                             first.parameter(), first.value());
  return Error(Code::kFailedPrecondition, "CONFIGURATION_DRIFTED",
               "unable to apply the configuration: it would overwrite what others changed: {}{}",
               what, drift.size() > 1 ? fmt::format("; and {} more", drift.size() - 1) : "")
      .WithHint(
          "`dbagentctl config drift` shows all of it; overwrite_drift (--overwrite-drift) "
          "overwrites it");
}

}  // namespace

Result<v1::ApplyConfigurationResponse> Configurations::Apply(
    const Call& call, const v1::ApplyConfigurationRequest& request) {
  Wanted wanted{
      "apply", std::map<std::string, std::string>(request.values().begin(), request.values().end()),
      std::nullopt, std::nullopt, request.options()};
  return Change(call, wanted, request.request_id(), Serialise(request));
}

Result<v1::ApplyConfigurationResponse> Configurations::Rollback(
    const Call& call, const v1::RollbackConfigurationRequest& request) {
  Wanted wanted{"rollback", std::nullopt, request.revision(), std::nullopt, request.options()};
  return Change(call, wanted, request.request_id(), Serialise(request));
}

Result<v1::ApplyConfigurationResponse> Configurations::Resize(
    const Call& call, const v1::ResizeConfigurationRequest& request) {
  ASSIGN_OR_RETURN(const datastore::Flavor flavor,
                   FlavorOf(request.memory_bytes(), request.cores()));
  Wanted wanted{"resize", std::nullopt, std::nullopt, flavor, request.options()};
  return Change(call, wanted, request.request_id(), Serialise(request));
}

Result<v1::ApplyConfigurationResponse> Configurations::Change(const Call& call,
                                                              const Wanted& wanted,
                                                              const std::string& request_id,
                                                              const std::string& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  if (wanted.options.restart_timeout_seconds() > kLongestRestartSeconds) {
    return Error(Code::kInvalidArgument, "VALUE_INVALID",
                 "restart_timeout_seconds is {}, at most {} are allowed",
                 wanted.options.restart_timeout_seconds(), kLongestRestartSeconds);
  }
  v1::ApplyConfigurationResponse response;
  const operations::Spec spec{
      // a resize also changes the sizes of logs, which a physical backup is reading
      wanted.options.restart() || wanted.flavor ? "configuration.apply_restart"
                                                : "configuration.apply",
      {},
      call.caller,
      request_id,
      wanted.action + '\0' + request};
  if (!wanted.options.validate_only()) {
    // A repeated request is answered before the checks, which its success may fail.
    const Result<operations::Record> earlier = context_.operations.FindRequest(spec);
    if (!earlier.ok() && earlier.status().code() != Code::kNotFound) return earlier.status();
    if (earlier.ok()) {
      *response.mutable_operation() = ToProto(*earlier);
      return response;
    }
  }
  ASSIGN_OR_RETURN(Proposal proposal, Propose(call.Reading(), wanted));
  for (const v1::ParameterChange& change : proposal.changes) *response.add_changes() = change;
  if (wanted.options.validate_only()) {
    for (const datastore::Violation& violation : proposal.violations) {
      v1::ParameterViolation& out = *response.add_violations();
      out.set_parameter(violation.parameter);
      out.set_reason(violation.reason);
      out.set_message(ShowViolation(violation));
    }
    for (const v1::Drift& drift : proposal.drift) *response.add_drift() = drift;
    return response;
  }
  if (!proposal.violations.empty()) return ViolationsError(proposal.violations);
  if (!proposal.drift.empty() && !wanted.options.overwrite_drift())
    return DriftError(proposal.drift);
  if (proposal.nothing_to_do() && proposal.drift.empty()) return response;
  ASSIGN_OR_RETURN(const operations::Record record,
                   context_.operations.Submit(
                       spec, [this, wanted, caller = call.caller](operations::Running& running) {
                         return RunChange(running, caller, wanted);
                       }));
  *response.mutable_operation() = ToProto(record);
  return response;
}

Status Configurations::RunChange(operations::Running& running, const std::string& caller,
                                 const Wanted& wanted) {
  const OpContext& ctx = running.ctx();
  ctx.BeginStep("check", 10);
  // again: now nobody else changes anything
  ASSIGN_OR_RETURN(Proposal proposal, Propose(ctx, wanted));
  if (!proposal.violations.empty()) return ViolationsError(proposal.violations);
  if (!proposal.drift.empty() && !wanted.options.overwrite_drift())
    return DriftError(proposal.drift);

  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, store_.Numbers());
  const std::uint64_t number = numbers.empty() ? 1 : numbers.back() + 1;
  v1::Revision& revision = *proposal.next.mutable_revision();
  revision.set_number(number);
  ToTimestamp(std::chrono::system_clock::now(), *revision.mutable_create_time());
  revision.set_caller(caller);
  revision.set_action(wanted.action);
  revision.set_operation_id(running.id());
  revision.set_state(v1::APPLYING);
  revision.set_previous(proposal.state.selected());
  for (const v1::ParameterChange& change : proposal.changes) *revision.add_changes() = change;
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  ASSIGN_OR_RETURN(const datastore::RenderedSet files,
                   layers->Render(SetOf(proposal.next), number));
  SetFiles(files, proposal.next);

  internal::ConfigurationPlan plan;
  plan.set_old_revision(proposal.state.selected());
  plan.set_new_revision(number);
  plan.set_restart(proposal.restart);
  plan.set_restart_timeout_seconds(wanted.options.restart_timeout_seconds() == 0
                                       ? kDefaultRestartSeconds
                                       : wanted.options.restart_timeout_seconds());
  *plan.mutable_live() = {proposal.live.begin(), proposal.live.end()};
  *plan.mutable_persisted() = {proposal.persisted.begin(), proposal.persisted.end()};
  for (const std::string& name : proposal.pending) {
    // what waits already goes on waiting whatever becomes of this
    const auto since = proposal.state.pending().find(name);
    if (since == proposal.state.pending().end() || since->second != ServerLife())
      plan.add_pending(name);
  }
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("configuration.planned");
  Status written = store_.SetRevision(proposal.next);
  KillPoint("configuration.recorded");
  if (written.ok()) written = datastore::WriteSet(context_.volume, number, files);
  KillPoint("configuration.written");
  if (written.ok()) {
    ctx.BeginStep("try", 10);
    written = layers->TryStart(ctx.WithBudget(kTryBudget), number)
                  .Wrap("unable to apply the configuration");
  }
  if (!written.ok()) return Discard(plan, written);
  plan.set_selecting(true);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("configuration.selecting");
  return Carry(running, plan);
}

// Nothing but the new set's own files was made.
Status Configurations::Discard(const internal::ConfigurationPlan& plan, const Status& failure) {
  RETURN_IF_ERROR(MarkTakenBack(plan.new_revision(), failure));
  RETURN_IF_ERROR(datastore::RemoveSet(context_.volume, plan.new_revision()));
  return failure;
}

Status Configurations::MarkTakenBack(std::uint64_t number, const Status& failure) {
  Result<internal::StoredRevision> stored = store_.Revision(number);
  if (stored.status().code() == Code::kNotFound) return Ok();  // it was not even recorded
  if (!stored.ok()) return stored.status();
  stored->mutable_revision()->set_state(v1::TAKEN_BACK);
  ToProto(failure, *stored->mutable_revision()->mutable_error());
  return store_.SetRevision(*stored);
}

// Idempotent: recovery runs it again from the start. A stop is not heard any more: what is begun is
// ended, one way or the other.
Status Configurations::Carry(operations::Running& running, internal::ConfigurationPlan plan) {
  ASSIGN_OR_RETURN(internal::StoredRevision next, store_.Revision(plan.new_revision()));
  if (const Status failure = BringIntoForce(running, plan, next); !failure.ok())
    return GoBack(running, std::move(plan), failure);
  context_.monitor.Refresh();
  KillPoint("configuration.in_force");
  RETURN_IF_ERROR(Finish(plan, std::move(next)));
  KillPoint("configuration.finished");
  return Ok();
}

Status Configurations::BringIntoForce(operations::Running& running,
                                      const internal::ConfigurationPlan& plan,
                                      internal::StoredRevision& next) {
  const OpContext& ctx = running.ctx();
  const std::chrono::seconds timeout(plan.restart_timeout_seconds());
  RETURN_IF_ERROR(Select(plan.new_revision()));
  if (!plan.restart()) {
    RETURN_IF_ERROR(UpdateState([&](internal::ConfigurationState& state) {
      for (const std::string& name : plan.pending())
        (*state.mutable_pending())[name] = state.selected_in();
    }));
  }
  KillPoint("configuration.selected");
  if (plan.live_size() + plan.persisted_size() > 0 && ServerRuns() && !plan.restart()) {
    ctx.BeginStep("set", 40);
    RETURN_IF_ERROR(SetLive(ctx.ForCleanup(kLiveBudget), plan, next, true)
                        .Wrap("unable to apply the configuration"));
    KillPoint("configuration.live");
  }
  if (plan.restart()) {
    ctx.BeginStep("restart", 40);
    ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
    if (plan.persisted_size() > 0 && ServerRuns())
      RETURN_IF_ERROR(SetLive(ctx.ForCleanup(kLiveBudget), plan, next, true));
    RETURN_IF_ERROR(server->Stop(ctx.ForCleanup(kStopBudget)));
    KillPoint("configuration.stopped");
    RETURN_IF_ERROR(server->Start(ctx.ForCleanup(timeout)));
    KillPoint("configuration.started");
    RETURN_IF_ERROR(MarkProven());
  }
  if (!ServerRuns()) return Ok();  // it takes the values when it is started
  bool remembered = false;
  ASSIGN_OR_RETURN(const datastore::Description description,
                   DescribeServer(ctx.ForCleanup(kLiveBudget), &remembered));
  if (remembered) return Ok();
  for (v1::ParameterChange& change : *next.mutable_revision()->mutable_changes()) {
    const datastore::Parameter* const parameter = FindParameter(description, change.name());
    if (parameter != nullptr && (plan.restart() || !change.restart_required()))
      change.set_value_in_force(parameter->value);
  }
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  ASSIGN_OR_RETURN(const OwnValues own, OwnOf(state, next));
  if (!PendingOf(state, own, description).empty())
    next.mutable_revision()->set_state(v1::RESTART_PENDING);
  return Ok();
}

Status Configurations::AwaitHealthy(const OpContext& ctx) {
  while (context_.datastore.CheckHealth().state != datastore::HealthState::kHealthy) {
    if (!ServerRuns() && !context_.host.ServerState().should_run) return Ok();
    RETURN_IF_ERROR(ctx.Poll());
    Pause(ctx, kHealthPause);
  }
  return Ok();
}

// The parameters of the plan, to what the revision's layers say.
Status Configurations::SetLive(const OpContext& ctx, const internal::ConfigurationPlan& plan,
                               const internal::StoredRevision& to, bool clear_persisted) {
  ASSIGN_OR_RETURN(datastore::SettingsAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const OwnValues own, OwnOf({}, to));
  const std::set<std::string> persisted(plan.persisted().begin(), plan.persisted().end());
  std::set<std::string> names(plan.live().begin(), plan.live().end());
  if (clear_persisted) names.insert(persisted.begin(), persisted.end());
  std::vector<datastore::LiveChange> changes;
  for (const std::string& name : names) {
    changes.push_back(
        {name, ValueIn(own.layers, name), clear_persisted && persisted.contains(name)});
  }
  ASSIGN_OR_RETURN(const datastore::Values values, admin->SetLive(ctx, changes));
  return UpdateState([&](internal::ConfigurationState& state) {
    const std::string life = ServerLife();
    if (state.live_in() != life) state.clear_live();
    state.set_live_in(life);
    for (const auto& [name, value] : values) (*state.mutable_live())[name] = value;
  });
}

Status Configurations::GoBack(operations::Running& running, internal::ConfigurationPlan plan,
                              const Status& failure) {
  const OpContext& ctx = running.ctx();
  ctx.Say("going back to the configuration before");
  ToProto(failure, *plan.mutable_going_back());
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("configuration.going_back");
  ASSIGN_OR_RETURN(const internal::StoredRevision old, store_.Revision(plan.old_revision()));
  RETURN_IF_ERROR(Select(plan.old_revision()));
  RETURN_IF_ERROR(UpdateState([&](internal::ConfigurationState& state) {
    for (const std::string& name : plan.pending()) state.mutable_pending()->erase(name);
  }));
  KillPoint("configuration.back_selected");
  const Status back = BringBack(running, plan, old);
  context_.monitor.Refresh();
  KillPoint("configuration.back");
  // in recovery: try again
  if (!back.ok() && back.retryable()) return back;
  Status outcome = OutcomeOf(plan, failure);
  if (!back.ok()) {
    outcome =
        std::move(outcome).WithHint(fmt::format("going back failed too: {}", back.FullMessage()));
  }
  RETURN_IF_ERROR(MarkTakenBack(plan.new_revision(), outcome));
  RETURN_IF_ERROR(RemoveOldSets());
  return outcome;
}

// The server as it was, on the files that are selected again.
Status Configurations::BringBack(operations::Running& running,
                                 const internal::ConfigurationPlan& plan,
                                 const internal::StoredRevision& old) {
  const OpContext& ctx = running.ctx();
  if (plan.restart()) {
    ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
    RETURN_IF_ERROR(server->Stop(ctx.ForCleanup(kStopBudget)));
    KillPoint("configuration.back_stopped");
    return StartServer(ctx.ForCleanup(kStartBudget),
                       [&](std::string note) { running.AddNote(std::move(note)); });
  }
  if (plan.live_size() == 0 || !ServerRuns()) return Ok();
  // a server that a value has killed comes back by itself
  RETURN_IF_ERROR(AwaitHealthy(ctx.ForCleanup(kLiveBudget)));
  return SetLive(ctx.ForCleanup(kLiveBudget), plan, old, false);
}

// What refused the change, with what is in force now.
Status Configurations::OutcomeOf(const internal::ConfigurationPlan& plan,
                                 const Status& failure) const {
  if (!plan.restart() && !failure.retryable()) return failure;
  const Result<internal::ConfigurationState> state = store_.State();
  return Error(Code::kAborted, "CONFIGURATION_ROLLED_BACK",
               "the server did not do well with revision {} and has revision {} again",
               plan.new_revision(), state.ok() ? state->selected() : plan.old_revision())
      .WithCause(failure);
}

Status Configurations::Finish(const internal::ConfigurationPlan& plan,
                              internal::StoredRevision next) {
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  if (next.revision().state() == v1::APPLYING) next.mutable_revision()->set_state(v1::IN_FORCE);
  next.mutable_revision()->set_proven(state.proven() == plan.new_revision());
  RETURN_IF_ERROR(store_.SetRevision(next));
  ASSIGN_OR_RETURN(internal::StoredRevision old, store_.Revision(plan.old_revision()));
  if (old.revision().state() != v1::TAKEN_BACK) {
    old.mutable_revision()->set_state(v1::REPLACED);
    RETURN_IF_ERROR(store_.SetRevision(old));
  }
  RETURN_IF_ERROR(RemoveOldSets());
  return store_.Prune({state.selected(), state.proven()});
}

Status Configurations::RemoveOldSets() {
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers,
                   datastore::SetNumbers(context_.volume));
  for (const std::uint64_t number : numbers) {
    if (number != state.selected() && number != state.proven())
      RETURN_IF_ERROR(datastore::RemoveSet(context_.volume, number));
  }
  return Ok();
}

// Forward, unless it was going back already: what was selected was checked and tried before.
Status Configurations::Recover(operations::Running& running) {
  if (running.plan().empty()) return NotBegun(running);
  ASSIGN_OR_RETURN(internal::ConfigurationPlan plan,
                   Parse<internal::ConfigurationPlan>(running.plan()));
  if (!plan.selecting()) {
    return Discard(plan, Error(Code::kAborted, "INTERRUPTED",
                               "the agent was stopped before the configuration was changed")
                             .WithHint("apply it again"));
  }
  if (plan.has_going_back()) {
    const Status failure = FromProto(plan.going_back());
    return GoBack(running, std::move(plan), failure);
  }
  return Carry(running, std::move(plan));
}

void Configurations::RegisterRecovery() {
  for (const char* kind : {"configuration.apply", "configuration.apply_restart"}) {
    context_.operations.OnRecover(
        kind, [this](operations::Running& running) { return Recover(running); });
  }
  context_.operations.OnRecover("configuration.settle",
                                [this](operations::Running& running) { return Settle(running); });
}

}  // namespace dbagent::workflows
