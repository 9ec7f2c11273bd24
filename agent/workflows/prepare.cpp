#include <algorithm>
#include <memory>
#include <set>

#include "agent/base/kill_point.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/instance_record.h"
#include "agent/workflows/instances.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{2};

// The request lives until the operation ends; its passwords are wiped then.
std::shared_ptr<const v1::PrepareInstanceRequest> Keep(const v1::PrepareInstanceRequest& request) {
  auto* const copy = new v1::PrepareInstanceRequest(request);
  if (copy->has_from_backup())
    *copy->mutable_from_backup() = WithoutCredentials(copy->from_backup());
  return {copy, [](v1::PrepareInstanceRequest* kept) {
            for (v1::NewUser& user : *kept->mutable_users()) Wipe(*user.mutable_password());
            delete kept;
          }};
}

Status Duplicate(std::string_view what, const std::string& name) {
  return Error(Code::kInvalidArgument, "NAME_DUPLICATE",
               "unable to prepare: {} '{}' stands twice in the request", what, name);
}

}  // namespace

// Everything that can be known without a server.
Status Instances::CheckPrepare(const v1::PrepareInstanceRequest& request) const {
  RETURN_IF_ERROR(Server().status());
  RETURN_IF_ERROR(Configurations::FlavorOf(request.memory_bytes(), request.cores())
                      .status()
                      .Wrap("unable to prepare"));
  std::set<std::string> seen;
  for (const v1::Database& database : request.databases()) {
    if (!seen.insert(database.name()).second) return Duplicate("database", database.name());
    ASSIGN_OR_RETURN(const datastore::DatabaseAdmin* const admin,
                     Require(context_.datastore.databases(), "database_admin", context_.datastore));
    RETURN_IF_ERROR(admin->Check(ToSpec(database)));
  }
  seen.clear();
  for (const v1::NewUser& user : request.users()) {
    const std::string name =
        ToId(user.user().id(), context_.datastore.info().kind == "mysql").ToString();
    if (!seen.insert(name).second) return Duplicate("user", name);
    RETURN_IF_ERROR(users_.Check(user));
  }
  ASSIGN_OR_RETURN(const std::optional<InstanceRecord> record, ReadInstanceRecord(context_.volume));
  if (record) {
    return Error(Code::kFailedPrecondition, "ALREADY_PREPARED",
                 "unable to prepare: the volume holds instance '{}' ({} {})", record->id,
                 record->product, record->version)
        .WithField("instance", record->id);
  }
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> generations, context_.volume.Numbers());
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> current, context_.volume.CurrentNumber());
  if (!generations.empty() || current) {
    return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_NOT_EMPTY",
                 "unable to prepare: '{}' holds data that is not this agent's doing",
                 context_.volume.generations().native())
        .WithHint(
            "prepare an empty volume, or move what is there away; the agent never deletes data "
            "that it did not make");
  }
  return Ok();
}

Result<Instances::Origin> Instances::FindOrigin(const OpContext& ctx,
                                                const v1::PrepareInstanceRequest& request) const {
  Origin origin;
  if (!request.has_from_backup()) return origin;
  const v1::BackupSource& source = request.from_backup();
  if (source.instance_id().empty()) {
    return Error(Code::kInvalidArgument, "VALUE_INVALID",
                 "unable to prepare: from_backup names no instance")
        .WithHint("name the id of the instance that was backed up");
  }
  ASSIGN_OR_RETURN(origin.place, backups_.FindFor(source, source.instance_id()));
  ASSIGN_OR_RETURN(origin.backup, backups_.OpenSource(ctx, *origin.place, source.backup_id(),
                                                      source.accept_unencrypted()));
  if (origin.physical()) RETURN_IF_ERROR(backups_.PhysicalEngine().status());
  return origin;
}

Status Instances::FillGeneration(operations::Running& running, const Origin& origin,
                                 const os::Generation& generation) {
  if (origin.physical()) {
    return backups_.UnpackAll(running, *origin.place, origin.backup, generation);
  }
  ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
  running.ctx().BeginStep("initialise", 50);
  return server->Initialise(running.ctx(), {generation});
}

Status Instances::Settle(operations::Running& running, const Origin& origin) {
  if (origin.logical()) return backups_.LoadAll(running, context_, *origin.place, origin.backup);
  if (!origin.physical()) return Ok();
  ASSIGN_OR_RETURN(datastore::PhysicalBackup* const engine, backups_.PhysicalEngine());
  return engine->Settle(running.ctx());
}

Status Instances::CreateContents(const OpContext& ctx, const v1::PrepareInstanceRequest& request) {
  ctx.BeginStep("databases", 10);
  v1::CreateDatabasesResponse databases;
  // PostgreSQL databases may be owned by roles of the same request, MySQL grants name databases:
  // databases without their owner's grants come first either way, so users go first where a
  // database names an owner.
  const bool owners = std::any_of(request.databases().begin(), request.databases().end(),
                                  [](const v1::Database& d) { return !d.owner().empty(); });
  v1::CreateUsersResponse users;
  const auto make_users = [&](bool with_grants) -> Status {
    google::protobuf::RepeatedPtrField<v1::NewUser> wanted = request.users();
    if (!with_grants) {
      for (v1::NewUser& user : wanted) user.clear_grants();
    }
    RETURN_IF_ERROR(users_.CreateAll(ctx, wanted, users));
    for (v1::NewUser& user : wanted) Wipe(*user.mutable_password());
    for (const auto& item : users.items()) {
      if (item.has_error()) return FromProto(item.error()).Wrap("part 'users'");
    }
    return Ok();
  };
  if (owners) RETURN_IF_ERROR(make_users(false));
  RETURN_IF_ERROR(databases_.CreateAll(
      ctx, request.databases(),
      std::vector<bool>(static_cast<std::size_t>(request.databases_size())), false, databases));
  for (const auto& item : databases.items()) {
    if (item.has_error()) return FromProto(item.error()).Wrap("part 'databases'");
  }
  ctx.BeginStep("users", 10);
  if (!owners) return make_users(true);
  return users_.GrantAll(ctx, request.users()).Wrap("part 'users'");
}

Status Instances::RunPrepare(operations::Running& running, const std::string& caller,
                             const v1::PrepareInstanceRequest& request, const Origin& origin) {
  const OpContext& ctx = running.ctx();
  const auto part = [](std::string_view name, Status status) {
    return std::move(status).Wrap(fmt::format("part '{}'", name));
  };
  internal::PreparePlan plan;
  plan.set_instance_id(NewUuid());
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint("prepare.planned");

  ctx.BeginStep("configuration", 3);
  ASSIGN_OR_RETURN(const datastore::Flavor flavor,
                   Configurations::FlavorOf(request.memory_bytes(), request.cores()));
  const std::vector<std::string> networks(request.allowed_networks().begin(),
                                          request.allowed_networks().end());
  RETURN_IF_ERROR(part(
      "configuration",
      configurations_.Begin(ctx, {flavor, networks, plan.instance_id(), caller, running.id()})));
  KillPoint("prepare.configured");

  Result<os::Generation> generation = context_.host.MakeGeneration();
  if (!generation.ok()) return part("directories", std::move(generation).status());
  KillPoint("prepare.generation_made");
  RETURN_IF_ERROR(part(origin.physical() ? "restore" : "initialise",
                       FillGeneration(running, origin, *generation)));
  KillPoint("prepare.initialised");
  RETURN_IF_ERROR(part("switch", context_.host.SwitchGeneration(generation->number)));
  KillPoint("prepare.switched");

  ctx.BeginStep("start", 22);
  RETURN_IF_ERROR(part("start", configurations_.StartServer(ctx, [&](std::string note) {
    running.AddNote(std::move(note));
  })));
  KillPoint("prepare.started");
  RETURN_IF_ERROR(part("restore", Settle(running, origin)));
  RETURN_IF_ERROR(CreateContents(ctx, request));
  KillPoint("prepare.contents_made");

  ctx.BeginStep("record", 5);
  RETURN_IF_ERROR(ctx.Poll());
  const datastore::DatastoreInfo& info = context_.datastore.info();
  RETURN_IF_ERROR(
      part("record", WriteInstanceRecord(context_.volume,
                                         {plan.instance_id(), info.kind, info.product, info.version,
                                          std::chrono::system_clock::now(), context_.agent_user})));
  KillPoint("prepare.record_written");
  return Ok();
}

Status Instances::UndoPrepare(const OpContext& ctx) {
  ctx.Say("undoing");
  RETURN_IF_ERROR(context_.host.StopServer(ctx.WithBudget(std::chrono::seconds(20))));
  KillPoint("prepare.undo.stopped");
  RETURN_IF_ERROR(context_.host.RemoveCurrentLink());
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> generations, context_.volume.Numbers());
  for (const std::uint64_t number : generations)
    RETURN_IF_ERROR(context_.host.RemoveGeneration(number));
  KillPoint("prepare.undo.removed");
  return configurations_.Forget();
}

Result<v1::Operation> Instances::Prepare(const Call& call,
                                         const v1::PrepareInstanceRequest& request) {
  const auto kept = Keep(request);
  operations::Spec spec{
      "instance.prepare", {}, call.caller, request.request_id(), Serialise(*kept)};
  // A repeated request is answered before the checks, which its success would fail.
  const Result<operations::Record> record = context_.operations.FindRequest(spec);
  if (!record.ok() && record.status().code() != Code::kNotFound) return record.status();
  if (record.ok()) return ToProto(*record);
  RETURN_IF_ERROR(CheckPrepare(request));
  ASSIGN_OR_RETURN(const Origin origin, FindOrigin(call.Reading(), request));
  const operations::Body body = [this, kept, origin,
                                 caller = call.caller](operations::Running& running) -> Status {
    RETURN_IF_ERROR(CheckPrepare(*kept));  // again: now nobody else can prepare
    context_.monitor.SetPreparing(true);
    Status outcome = RunPrepare(running, caller, *kept, origin);
    if (!outcome.ok()) {
      outcome = std::move(outcome).Wrap("unable to prepare the instance");
      const Status undone = UndoPrepare(running.ctx().ForCleanup(kUndoBudget));
      if (!undone.ok()) {
        outcome = std::move(outcome).WithHint(fmt::format(
            "undoing it failed too ({}); mend that, then restart the agent, which tries again",
            undone.FullMessage()));
      }
    }
    context_.monitor.SetPreparing(false);
    return outcome;
  };
  Result<v1::Operation> begun = backups_.Begin(spec, origin.place.value_or(Backups::Place{}), body);
  Wipe(spec.request);
  return begun;
}

void Instances::RegisterRecovery() {
  context_.operations.OnRecover("instance.prepare", [this](operations::Running& running) -> Status {
    ASSIGN_OR_RETURN(const auto plan, Parse<internal::PreparePlan>(running.plan()));
    ASSIGN_OR_RETURN(const std::optional<InstanceRecord> record,
                     ReadInstanceRecord(context_.volume));
    if (record && !plan.instance_id().empty() && record->id == plan.instance_id()) return Ok();
    if (plan.instance_id().empty()) return NotBegun(running);
    RETURN_IF_ERROR(UndoPrepare(running.ctx().ForCleanup(kUndoBudget)));
    context_.monitor.Refresh();
    return Error(Code::kAborted, "INTERRUPTED",
                 "the agent was stopped while the instance was prepared; the volume is empty again")
        .WithHint("call Prepare again");
  });
  RegisterServerRecovery();
}

}  // namespace dbagent::workflows
