#include "agent/workflows/adopt.h"

#include "agent/base/kill_point.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/instance_record.h"

namespace dbagent::workflows {
namespace {

Status CheckInstance(const config::Settings& settings, const os::Volume& volume,
                     const InstanceRecord& record, datastore::Datastore& datastore) {
  if (!settings.instance_id.empty() && settings.instance_id != record.id) {
    return Error(Code::kFailedPrecondition, "WRONG_INSTANCE",
                 "unable to look after volume '{}': it holds instance '{}', and the settings name "
                 "instance '{}'",
                 volume.root().native(), record.id, settings.instance_id)
        .WithHint("attach this instance's volume, or correct instance.id in the settings");
  }
  const datastore::DatastoreInfo& info = datastore.info();
  if (record.datastore != info.kind || record.product != info.product) {
    return Error(Code::kFailedPrecondition, "WRONG_DATASTORE",
                 "unable to look after volume '{}': it holds a {} instance, and {} is installed "
                 "here",
                 volume.root().native(), record.product, info.product)
        .WithHint("attach the volume to a machine with that server, or prepare an empty volume");
  }
  return datastore.CheckDataVersion(record.version)
      .Wrap(fmt::format("unable to look after volume '{}'", volume.root().native()));
}

// The accounts of another agent's give way to this one's.
Status AdoptData(const OpContext& ctx, const Context& context, const InstanceRecord& record,
                 const os::Generation& generation) {
  telemetry::LogInfo("instance.adopting", "the volume comes from an agent of another user",
                     {{"instance", record.id}, {"was", record.agent_user}});
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(context.datastore.server(), "server_control", context.datastore));
  RETURN_IF_ERROR(
      server->AdoptData(ctx, generation).Wrap("unable to take over the instance's data"));
  KillPoint("adopt.data");
  return Ok();
}

}  // namespace

Status AdoptVolume(const OpContext& ctx, const Context& context, Configurations& configurations) {
  const os::Volume& volume = context.volume;
  datastore::Datastore& datastore = context.datastore;
  ASSIGN_OR_RETURN(std::optional<InstanceRecord> record, ReadInstanceRecord(volume));
  if (!record) return Ok();
  RETURN_IF_ERROR(CheckInstance(context.settings, volume, *record, datastore));
  // an agent of before had no other mode than direct, and its user's name was not written down
  const bool same_user = record->agent_user.empty() ? !context.settings.separate
                                                    : record->agent_user == context.agent_user;
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> current, volume.CurrentNumber());
  // a server that runs is one that this agent's earlier life left
  if (current && context.host.ServerState().process != os::ServerProcess::kRunning) {
    const auto note = [](const std::string& text) {
      telemetry::LogWarning("instance.adopting", text, {});
    };
    RETURN_IF_ERROR(
        configurations.RenderAgain(note).Wrap("unable to take over the instance's configuration"));
    KillPoint("adopt.configuration");
    if (!same_user) RETURN_IF_ERROR(AdoptData(ctx, context, *record, volume.generation(*current)));
  }
  if (record->agent_user == context.agent_user && record->version == datastore.info().version)
    return Ok();
  record->agent_user = context.agent_user;
  record->version = datastore.info().version;
  return WriteInstanceRecord(volume, *record);
}

}  // namespace dbagent::workflows
