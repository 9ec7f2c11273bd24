// What a change of the configuration would come to: checked, compared, and not begun.
#include <algorithm>
#include <set>

#include "agent/os/machine.h"
#include "agent/os/process.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/configurations.h"

namespace dbagent::workflows {
namespace {

constexpr std::uint64_t kLeastMemory = 256ULL << 20U;

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What the running server has of the new values already needs nothing more.
bool InForce(const datastore::Description& description, const std::string& name,
             const std::optional<std::string>& wanted) {
  const datastore::Parameter* const parameter = FindParameter(description, name);
  if (parameter == nullptr) return false;
  const std::optional<std::string>& value = wanted ? wanted : parameter->default_value;
  return value && *value == parameter->value;
}

}  // namespace

Result<datastore::SettingsAdmin*> Configurations::Admin() const {
  return Require(context_.datastore.settings(), "settings_admin", context_.datastore);
}

Result<datastore::ConfigurationLayers*> Configurations::Layers() const {
  return Require(context_.datastore.layers(), "settings_admin", context_.datastore);
}

Result<datastore::ServerControl*> Configurations::Server() const {
  return Require(context_.datastore.server(), "server_control", context_.datastore);
}

Result<datastore::Flavor> Configurations::FlavorOf(std::uint64_t memory_bytes,
                                                   std::uint32_t cores) {
  ASSIGN_OR_RETURN(const std::uint64_t usable, os::UsableMemory());
  if (memory_bytes != 0 && memory_bytes < kLeastMemory) {
    return Error(Code::kInvalidArgument, "MEMORY_TOO_SMALL",
                 "memory_bytes is {}, at least {} are needed", memory_bytes, kLeastMemory);
  }
  if (memory_bytes > usable) {
    return Error(Code::kInvalidArgument, "MEMORY_TOO_LARGE",
                 "memory_bytes is {}, this machine has {}", memory_bytes, usable)
        .WithHint("0 takes three quarters of what the machine has");
  }
  datastore::Flavor flavor{memory_bytes, cores == 0 ? os::UsableCores() : cores};
  if (memory_bytes == 0) flavor.memory_bytes = std::max(usable / 4 * 3, kLeastMemory);
  return flavor;
}

// Which process the server is, so that what was true of an earlier one is not taken for true of it.
std::string Configurations::ServerLife() const {
  const os::ServerProcessState state = context_.host.ServerState();
  if (state.pid == 0) return {};
  const std::optional<os::ProcessFacts> process = os::ReadProcess(state.pid);
  return process ? fmt::format("{}-{}", process->pid, process->start_time) : std::string();
}

Result<datastore::Description> Configurations::DescribeServer(const OpContext& ctx,
                                                              bool* remembered) {
  ASSIGN_OR_RETURN(datastore::SettingsAdmin* const admin, Admin());
  const std::string life = ServerLife();
  Result<datastore::Description> live = admin->Describe(ctx);
  if (live.ok()) {
    const std::lock_guard lock(state_mutex_);
    if (life != described_in_) {
      if (const Status kept = store_.SetDescribed(*live); !kept.ok()) {
        telemetry::LogError("configuration.not_kept", "the server's description could not be kept",
                            kept);
      } else {
        described_in_ = life;
      }
    }
    return live;
  }
  if (live.status().code() != Code::kUnavailable) return live.status();
  ASSIGN_OR_RETURN(std::optional<datastore::Description> kept, store_.Described());
  if (!kept) return live.status();
  if (remembered != nullptr) *remembered = true;
  return *std::move(kept);
}

Result<OwnValues> Configurations::OwnOf(const internal::ConfigurationState& state,
                                        const internal::StoredRevision& selected) const {
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  const datastore::ConfigurationSet set = SetOf(selected);
  ASSIGN_OR_RETURN(const datastore::Values system, layers->System(set));
  OwnValues own{EffectiveOf(set, system), {}, context_.volume.config()};
  if (state.live_in() == ServerLife()) own.live = {state.live().begin(), state.live().end()};
  return own;
}

std::vector<v1::ParameterChange> Configurations::PendingOf(
    const internal::ConfigurationState& state, const OwnValues& own,
    const datastore::Description& description) const {
  const std::string life = ServerLife();
  std::vector<v1::ParameterChange> pending;
  for (const auto& [name, since] : state.pending()) {
    const std::optional<std::string> wanted = ValueIn(own.layers, name);
    if (life.empty() || since != life || InForce(description, name, wanted)) continue;
    v1::ParameterChange change;
    change.set_name(name);
    if (wanted) change.set_new_value(*wanted);
    change.set_source(wanted ? own.layers.at(name).source : v1::DEFAULT);
    change.set_restart_required(true);
    if (const datastore::Parameter* const parameter = FindParameter(description, name)) {
      change.set_old_value(parameter->value);
      change.set_unit(parameter->unit);
    }
    pending.push_back(std::move(change));
  }
  return pending;
}

bool Configurations::Proposal::nothing_to_do() const {
  const auto as_map = [](const auto& values) {
    return std::map<std::string, std::string>(values.begin(), values.end());
  };
  return changes.empty() && live.empty() && persisted.empty() && !restart &&
         as_map(current.revision().values()) == as_map(next.revision().values());
}

// Drift that this change would overwrite; what is to be done about it when that is wanted.
Status Configurations::FindOverwritten(const Wanted& wanted, const OwnValues& own,
                                       const EffectiveValues& after, Proposal& proposal) const {
  for (v1::Drift& drift : DriftOfFiles(datastore::ChangedFiles(
           context_.volume, proposal.state.selected(), FilesOf(proposal.current)))) {
    if (drift.kind() == v1::FILE_EDITED) proposal.drift.push_back(std::move(drift));
  }
  if (!ServerRuns()) return Ok();
  const auto bring_back = [&](const datastore::Parameter& parameter) {
    auto& names = parameter.restart_required ? proposal.pending : proposal.live;
    if (!Contains(names, parameter.name)) names.push_back(parameter.name);
  };
  if (!proposal.drift.empty() && wanted.options.overwrite_drift()) {
    // what the edited files brought into force
    for (const datastore::Parameter& parameter : proposal.description.parameters) {
      if (parameter.origin == datastore::ParameterOrigin::kFile &&
          !InForce(proposal.description, parameter.name, ValueIn(after, parameter.name)))
        bring_back(parameter);
    }
  }
  const bool restarts = wanted.options.restart();
  for (v1::Drift& drift : DriftOfParameters(proposal.description, own)) {
    const std::string& name = drift.parameter();
    const bool changed =
        std::any_of(proposal.changes.begin(), proposal.changes.end(),
                    [&](const v1::ParameterChange& change) { return change.name() == name; });
    const bool lost = restarts && proposal.restart && drift.kind() == v1::SET_AT_RUNTIME;
    if (wanted.options.overwrite_drift()) {
      bring_back(*FindParameter(proposal.description, name));
      if (drift.kind() == v1::PERSISTED) proposal.persisted.push_back(name);
    }
    if (changed || lost || wanted.options.overwrite_drift())
      proposal.drift.push_back(std::move(drift));
  }
  return Ok();
}

Result<Configurations::Proposal> Configurations::Propose(const OpContext& ctx,
                                                         const Wanted& wanted) {
  ASSIGN_OR_RETURN(datastore::SettingsAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  Proposal proposal;
  ASSIGN_OR_RETURN(proposal.state, store_.State());
  ASSIGN_OR_RETURN(proposal.current, store_.Revision(proposal.state.selected()));
  if (wanted.options.expected_revision() != 0 &&
      wanted.options.expected_revision() != proposal.state.selected()) {
    return Error(Code::kAborted, "REVISION_CHANGED",
                 "unable to apply the configuration: the current revision is {}, not {}",
                 proposal.state.selected(), wanted.options.expected_revision())
        .WithHint("look at what changed (`dbagentctl config history`), then ask again");
  }
  ASSIGN_OR_RETURN(proposal.description, DescribeServer(ctx));

  const auto& current_group = proposal.current.revision().values();
  std::map<std::string, std::string> written(current_group.begin(), current_group.end());
  if (wanted.group) written = *wanted.group;
  if (wanted.revision) {
    ASSIGN_OR_RETURN(const internal::StoredRevision earlier, store_.Revision(*wanted.revision));
    written = {earlier.revision().values().begin(), earlier.revision().values().end()};
  }
  CheckedGroup checked = CheckGroup(*admin, proposal.description, written);
  proposal.violations = std::move(checked.violations);

  datastore::ConfigurationSet set = SetOf(proposal.current);
  set.group = std::move(checked.values);
  if (wanted.flavor) {
    set.flavor = *wanted.flavor;
    set.template_values = layers->Template(set.flavor);
  }
  proposal.next.mutable_revision()->mutable_values()->insert(set.group.begin(), set.group.end());
  proposal.next.mutable_revision()->set_memory_bytes(set.flavor.memory_bytes);
  proposal.next.mutable_revision()->set_cores(set.flavor.cores);
  proposal.next.mutable_template_values()->insert(set.template_values.begin(),
                                                  set.template_values.end());
  *proposal.next.mutable_allowed_networks() = proposal.current.allowed_networks();
  proposal.next.set_server_id(proposal.current.server_id());

  // what is wrong with the whole: also of the part that is fine by itself
  datastore::ConfigurationSet limited = set;
  ASSIGN_OR_RETURN(const std::uint64_t usable, os::UsableMemory());
  limited.flavor.memory_bytes = std::min(limited.flavor.memory_bytes, usable);
  ASSIGN_OR_RETURN(const std::vector<datastore::Violation> more,
                   admin->Check(ctx, proposal.description, limited));
  proposal.violations.insert(proposal.violations.end(), more.begin(), more.end());

  ASSIGN_OR_RETURN(const OwnValues own, OwnOf(proposal.state, proposal.current));
  ASSIGN_OR_RETURN(const datastore::Values system, layers->System(set));
  const EffectiveValues after = EffectiveOf(set, system);
  proposal.changes = Difference(own.layers, after, proposal.description);
  if (ServerRuns()) {
    for (const v1::ParameterChange& change : proposal.changes) {
      auto& names = change.restart_required() ? proposal.pending : proposal.live;
      names.push_back(change.name());
    }
  }
  const OwnValues later{after, own.live, own.files};
  const bool waits =
      !proposal.pending.empty() || !PendingOf(proposal.state, later, proposal.description).empty();
  const os::ServerProcessState server = context_.host.ServerState();
  proposal.restart = wanted.options.restart() && server.should_run && (waits || !ServerRuns());
  RETURN_IF_ERROR(FindOverwritten(wanted, own, after, proposal));
  if (wanted.options.restart() && server.should_run && !proposal.pending.empty())
    proposal.restart = true;  // also for what others changed
  return proposal;
}

}  // namespace dbagent::workflows
