#include "agent/workflows/scratch.h"

#include "agent/os/files.h"
#include "datastores/configuration_sets.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kStartBudget{30};
constexpr std::chrono::seconds kStopBudget{20};
constexpr std::chrono::minutes kEndBudget{1};
// The least that a driver has a template for.
constexpr datastore::Flavor kSmall{256ULL << 20U, 1};
constexpr std::uint32_t kServerId = 1;
// A socket's path has 107 bytes, its name in the directory at most so many.
constexpr std::size_t kSocketPathBytes = 107, kSocketNameBytes = 12;

Status Remove(const ScratchParts& parts) {
  return parts.host->Discard(Deadline::After(kEndBudget));
}

Status CheckSocketPath(const os::Path& directory) {
  if (directory.native().size() + kSocketNameBytes <= kSocketPathBytes) return Ok();
  return Error(Code::kFailedPrecondition, "RUNTIME_DIRECTORY_TOO_LONG",
               "unable to run a scratch server: a socket's path in '{}' would be longer than {} "
               "bytes",
               directory.native(), kSocketPathBytes)
      .WithHint("give the agent a shorter runtime_directory");
}

}  // namespace

Scratch::Scratch(const Context& instance, ScratchParts parts)
    : parts_(std::move(parts)),
      context_{instance.settings, instance.live_settings, parts_.volume,    *parts_.host,
               *parts_.datastore, instance.operations,    instance.monitor, {}} {}

Scratch::~Scratch() {
  parts_.datastore.reset();
}

Status Scratch::Configure() {
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers,
                   Require(parts_.datastore->layers(), "settings_admin", *parts_.datastore));
  datastore::ConfigurationSet set;
  set.flavor = kSmall;
  set.server_id = kServerId;
  set.template_values = layers->Template(kSmall);
  ASSIGN_OR_RETURN(const datastore::RenderedSet rendered, layers->Render(set, 1));
  RETURN_IF_ERROR(datastore::WriteSet(parts_.volume, 1, rendered));
  return datastore::SelectSet(parts_.volume, rendered);
}

Result<std::unique_ptr<Scratch>> Scratch::Make(const Context& instance) {
  std::unique_ptr<Scratch> made(new Scratch(instance, instance.open_scratch()));
  RETURN_IF_ERROR(CheckSocketPath(made->parts_.runtime_directory));
  RETURN_IF_ERROR(Remove(made->parts_));
  RETURN_IF_ERROR(made->parts_.host->PrepareVolume());
  ASSIGN_OR_RETURN(made->generation_, made->parts_.host->MakeGeneration());
  RETURN_IF_ERROR(made->Configure());
  return made;
}

Status Scratch::Discard(const Context& instance) {
  return Remove(instance.open_scratch());
}

Status Scratch::Start(const OpContext& ctx) {
  ASSIGN_OR_RETURN(datastore::ServerControl* const server,
                   Require(parts_.datastore->server(), "server_control", *parts_.datastore));
  RETURN_IF_ERROR(parts_.host->SwitchGeneration(generation_.number));
  return server->Start(ctx.WithBudget(kStartBudget));
}

Status Scratch::Close(const OpContext& ctx) {
  // its files go: nothing is lost when it does not stop in time
  const Status stopped = parts_.host->StopServer(ctx.ForCleanup(kStopBudget));
  const Status removed = Remove(parts_);
  if (!stopped.ok() && !removed.ok()) return Status(stopped).WithCause(removed);
  return stopped.ok() ? removed : stopped;
}

}  // namespace dbagent::workflows
