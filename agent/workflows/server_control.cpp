// Start, Stop, Restart and GetCapabilities of InstanceService.
#include "agent/base/kill_point.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/instances.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {
constexpr std::uint32_t kDefaultStopSeconds = 300, kLongestStopSeconds = 86400;
constexpr std::chrono::minutes kStartBudget{30};  // crash recovery of a large database

Status CheckTimeout(std::uint32_t seconds) {
  if (seconds <= kLongestStopSeconds) return Ok();
  return Error(Code::kInvalidArgument, "VALUE_INVALID",
               "timeout_seconds is {}, at most {} are allowed", seconds, kLongestStopSeconds);
}
}  // namespace

Result<datastore::ServerControl*> Instances::Server() const {
  return Require(context_.datastore.server(), "server_control", context_.datastore);
}

Status Instances::StartServer(operations::Running& running) {
  const OpContext& ctx = running.ctx();
  ctx.BeginStep("start", 50);
  const Status started = configurations_.StartServer(
      ctx.WithBudget(kStartBudget), [&](std::string note) { running.AddNote(std::move(note)); });
  context_.monitor.Refresh();
  KillPoint("start.started");
  return started;
}

Status Instances::StopServer(const OpContext& ctx, std::uint32_t timeout_seconds) {
  ctx.BeginStep("stop", 50);
  ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
  const std::chrono::seconds budget(timeout_seconds == 0 ? kDefaultStopSeconds : timeout_seconds);
  const Status stopped = server->Stop(ctx.WithBudget(budget));
  context_.monitor.Refresh();
  KillPoint("stop.stopped");
  return stopped;
}

Result<v1::Operation> Instances::Start(const Call& call, const v1::StartInstanceRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"instance.start", {}, call.caller, request.request_id(), Serialise(request)},
          [this](operations::Running& running) { return StartServer(running); }));
  return ToProto(record);
}

Result<v1::Operation> Instances::Stop(const Call& call, const v1::StopInstanceRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  RETURN_IF_ERROR(CheckTimeout(request.timeout_seconds()));
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"instance.stop", {}, call.caller, request.request_id(), Serialise(request)},
          [this, timeout = request.timeout_seconds()](operations::Running& running) -> Status {
            internal::StopPlan plan;
            plan.set_timeout_seconds(timeout);
            RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
            return StopServer(running.ctx(), timeout);
          }));
  return ToProto(record);
}

Result<v1::Operation> Instances::Restart(const Call& call,
                                         const v1::RestartInstanceRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  RETURN_IF_ERROR(CheckTimeout(request.timeout_seconds()));
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"instance.restart", {}, call.caller, request.request_id(), Serialise(request)},
          [this, timeout = request.timeout_seconds()](operations::Running& running) -> Status {
            RETURN_IF_ERROR(StopServer(running.ctx(), timeout));
            return StartServer(running);
          }));
  return ToProto(record);
}

v1::Capabilities Instances::Capabilities() const {
  datastore::Datastore& datastore = context_.datastore;
  v1::Capabilities out;
  out.set_datastore(datastore.info().kind);
  if (datastore.server() != nullptr) out.add_capabilities("server_control");
  if (datastore.databases() != nullptr) out.add_capabilities("database_admin");
  if (datastore.users() != nullptr) out.add_capabilities("user_admin");
  if (datastore.grants() != nullptr) out.add_capabilities("grant_admin");
  if (datastore.root() != nullptr) out.add_capabilities("root_admin");
  if (datastore.logical_backup() != nullptr) out.add_capabilities("logical_backup");
  if (datastore.physical_backup() != nullptr) out.add_capabilities("physical_backup");
  if (datastore.settings() != nullptr && datastore.layers() != nullptr)
    out.add_capabilities("settings_admin");
  out.add_capabilities("backup_verify");
  if (datastore.consistency_check() != nullptr) out.add_capabilities("backup_verify_restore");
  out.add_capabilities("backup_sweep");
  return out;
}

// A start or restart that was cut off is finished; so is a stop.
void Instances::RegisterServerRecovery() {
  context_.operations.OnRecover(
      "instance.start", [this](operations::Running& running) { return StartServer(running); });
  context_.operations.OnRecover("instance.restart", [this](operations::Running& running) -> Status {
    RETURN_IF_ERROR(StopServer(running.ctx(), kDefaultStopSeconds));
    return StartServer(running);
  });
  context_.operations.OnRecover("instance.stop", [this](operations::Running& running) -> Status {
    ASSIGN_OR_RETURN(const auto plan, Parse<internal::StopPlan>(running.plan()));
    return StopServer(running.ctx(), plan.timeout_seconds());
  });
}

}  // namespace dbagent::workflows
