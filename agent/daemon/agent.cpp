#include "agent/daemon/agent.h"

#include <malloc.h>

#include "agent/backup/key_files.h"
#include "agent/operations/kinds.h"
#include "agent/telemetry/log.h"
#include "agent/telemetry/metrics.h"
#include "agent/workflows/adopt.h"

namespace dbagent::daemon {
namespace {

// Data that an older server's crash left is recovered first.
constexpr std::chrono::minutes kAdoptBudget{60};
constexpr std::chrono::seconds kCallsBudget{5}, kOperationsBudget{60};

void Count(const operations::Record& record) {
  const std::string_view outcome = record.state == operations::State::kSucceeded   ? "succeeded"
                                   : record.state == operations::State::kCancelled ? "cancelled"
                                   : record.state == operations::State::kOrphaned  ? "orphaned"
                                                                                   : "failed";
  telemetry::metrics().operations.Add(1, {record.kind, outcome});
  if (record.started && record.ended) {
    telemetry::metrics().operation_seconds.Observe(
        std::chrono::duration<double>(*record.ended - *record.started).count(), {record.kind});
  }
}

void OperationFinished(const operations::Record& record) {
  Count(record);
  // the heap that a stream's buffers grew goes back to the machine
  if (record.kind.starts_with("backup.")) malloc_trim(0);
  telemetry::Fields fields = {
      {"operation", record.id}, {"kind", record.kind}, {"caller", record.caller}};
  if (record.started && record.ended) {
    fields.emplace_back(
        "seconds",
        fmt::format("{:.3f}",
                    std::chrono::duration<double>(*record.ended - *record.started).count()));
  }
  for (const std::string& note : record.notes) fields.emplace_back("note", note);
  if (record.state == operations::State::kSucceeded) {
    telemetry::LogInfo("operation.succeeded", fmt::format("{} succeeded", record.kind),
                       std::move(fields));
  } else {
    telemetry::LogError("operation.failed", fmt::format("{} did not succeed", record.kind),
                        record.error.ToStatus(), std::move(fields));
  }
}

}  // namespace

Status Agent::OpenHost() {
  ASSIGN_OR_RETURN(const std::string user, OwnUserName());
  if (settings_.separate && settings_.separate->user != user) {
    return Error(Code::kFailedPrecondition, "WRONG_OS_USER",
                 "unable to run as '{}': the settings say that the agent is '{}'", user,
                 settings_.separate->user)
        .WithHint("User= of the agent's unit and instance.user must be the same");
  }
  ASSIGN_OR_RETURN(parts_, OpenDriver(settings_, user));
  host_ = parts_.MakeHost(settings_, /*scratch=*/false);
  return Ok();
}

// Two agents on one volume would each take the other's server and operations for lost ones.
Status Agent::LockVolume() {
  RETURN_IF_ERROR(host_->PrepareVolume());
  ASSIGN_OR_RETURN(std::optional<UniqueFd> lock, os::TryLockFile(volume_.agent() / "lock"));
  if (!lock) {
    return Error(Code::kFailedPrecondition, "VOLUME_IN_USE",
                 "unable to use volume '{}': another agent runs on it", volume_.root().native())
        .WithHint("stop the other dbagentd first; each volume has one agent");
  }
  volume_lock_ = *std::move(lock);
  return Ok();
}

workflows::ScratchParts Agent::OpenScratch() const {
  const datastore::ServerSettings scratch = datastore::ScratchOf(parts_.server);
  workflows::ScratchParts parts{scratch.volume, scratch.runtime_directory, nullptr, nullptr};
  parts.host = parts_.MakeHost(settings_, /*scratch=*/true);
  parts.datastore = parts_.driver->Open(scratch, parts_.info, *parts.host);
  return parts;
}

Status Agent::OpenOperations() {
  datastore_ = parts_.driver->Open(parts_.server, parts_.info, *host_);
  ASSIGN_OR_RETURN(operations_, operations::Operations::Open(
                                    {.journal_path = volume_.agent() / "journal.sqlite3",
                                     .key_path = volume_.agent() / "digest.key",
                                     .on_finished = OperationFinished}));
  monitor_ = std::make_unique<workflows::InstanceMonitor>(settings_, volume_, *datastore_);
  context_ = std::make_unique<workflows::Context>(
      workflows::Context{settings_, live_settings_, volume_, *host_, *datastore_, *operations_,
                         *monitor_, [this] { return OpenScratch(); }, parts_.server.os_user});
  configurations_ = std::make_unique<workflows::Configurations>(*context_);
  RETURN_IF_ERROR(host_->TakeOver());
  RETURN_IF_ERROR(
      workflows::AdoptVolume(OpContext().WithBudget(kAdoptBudget), *context_, *configurations_));
  RETURN_IF_ERROR(host_->ResumeServer());
  databases_ = std::make_unique<workflows::Databases>(*context_);
  users_ = std::make_unique<workflows::Users>(*context_);
  ASSIGN_OR_RETURN(backup::KeyRing keys, backup::LoadKeyRing(settings_.encryption));
  backups_ = std::make_unique<workflows::Backups>(*context_, *configurations_, std::move(keys));
  keys_ = std::make_unique<workflows::Keys>(*context_, *backups_);
  instances_ = std::make_unique<workflows::Instances>(*context_, *databases_, *users_, *backups_,
                                                      *configurations_);
  configurations_->RegisterRecovery();
  databases_->RegisterRecovery();
  backups_->RegisterRecovery();
  keys_->RegisterRecovery();
  users_->RegisterRecovery();
  instances_->RegisterRecovery();
  return operations_->StartRecovery();
}

void Agent::ShowStateAtScrapes() {
  scrape_ = telemetry::OnScrape([this] {
    const v1::InstanceState state = monitor_->Current().state();
    telemetry::metrics().datastore_up.Set(state == v1::HEALTHY ? 1 : 0);
    for (int number = v1::InstanceState_MIN; number <= v1::InstanceState_MAX; ++number) {
      if (!v1::InstanceState_IsValid(number) || number == v1::INSTANCE_STATE_UNSPECIFIED) continue;
      const auto each = static_cast<v1::InstanceState>(number);
      telemetry::metrics().datastore_state.Set(each == state ? 1 : 0,
                                               {v1::InstanceState_Name(each)});
    }
    std::map<std::string, unsigned> running = operations_->RunningByKind();
    for (const operations::Kind& kind : operations::AllKinds()) {
      telemetry::metrics().operations_running.Set(running[std::string(kind.name)], {kind.name});
    }
  });
}

Result<std::unique_ptr<Agent>> Agent::Start(config::Settings settings) {
  std::unique_ptr<Agent> agent(new Agent(std::move(settings)));
  RETURN_IF_ERROR(agent->OpenHost());
  RETURN_IF_ERROR(agent->LockVolume());
  RETURN_IF_ERROR(agent->OpenOperations());
  agent->monitor_->Start();
  agent->configurations_->StartGuard();
  agent->ShowStateAtScrapes();
  agent->rpc_workflows_ = std::make_unique<rpc::Workflows>(
      rpc::Workflows{*agent->context_, *agent->instances_, *agent->databases_, *agent->users_,
                     *agent->backups_, *agent->configurations_, *agent->keys_});
  ASSIGN_OR_RETURN(agent->server_,
                   rpc::Server::Start(agent->live_settings_, *agent->rpc_workflows_));
  // gRPC's health follows the monitor; SetServingStatus does not block
  const auto tell_health = [agent = agent.get()](v1::InstanceState state) {
    agent->server_->SetDatastoreServing(state == v1::HEALTHY);
  };
  tell_health(agent->monitor_->Current().state());
  agent->health_subscription_ = agent->monitor_->Subscribe(tell_health);
  return agent;
}

bool Agent::Stop() {
  server_->Stop(kCallsBudget);
  return operations_->Shutdown(kOperationsBudget);
}

}  // namespace dbagent::daemon
