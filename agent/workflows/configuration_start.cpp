// The files of a new instance, and starts of the server that end with a running one.
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>

#include "agent/base/kill_point.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/configurations.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/translate.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kStopBudget{5}, kStartBudget{30};
constexpr std::chrono::seconds kGuardPause{3};

// Of the instance's id, so that it stays whatever is rendered anew; never 0.
std::uint32_t ServerIdOf(const std::string& instance_id) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : instance_id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash == 0 ? 1 : hash;
}

}  // namespace

Status Configurations::Begin(const OpContext& ctx, const Beginning& beginning) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  internal::StoredRevision first;
  v1::Revision& revision = *first.mutable_revision();
  revision.set_number(1);
  ToTimestamp(std::chrono::system_clock::now(), *revision.mutable_create_time());
  revision.set_caller(beginning.caller);
  revision.set_action("prepare");
  revision.set_operation_id(beginning.operation_id);
  revision.set_state(v1::IN_FORCE);
  revision.set_memory_bytes(beginning.flavor.memory_bytes);
  revision.set_cores(beginning.flavor.cores);
  const datastore::Values sized = layers->Template(beginning.flavor);
  first.mutable_template_values()->insert(sized.begin(), sized.end());
  *first.mutable_allowed_networks() = {beginning.allowed_networks.begin(),
                                       beginning.allowed_networks.end()};
  first.set_server_id(ServerIdOf(beginning.instance_id));
  ASSIGN_OR_RETURN(const datastore::RenderedSet files, layers->Render(SetOf(first), 1));
  SetFiles(files, first);
  RETURN_IF_ERROR(store_.SetRevision(first));
  RETURN_IF_ERROR(datastore::WriteSet(context_.volume, 1, files));
  RETURN_IF_ERROR(datastore::SelectSet(context_.volume, files));
  internal::ConfigurationState state;
  state.set_selected(1);
  return store_.SetState(state);
}

Status Configurations::RenderAgain(const std::function<void(std::string)>& note) {
  const Result<internal::ConfigurationState> state = store_.State();
  if (state.status().reason() == "CONFIGURATION_MISSING") return Ok();
  RETURN_IF_ERROR(state.status());
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  for (const std::uint64_t number : std::set{state->proven(), state->selected()}) {
    if (number == 0) continue;
    ASSIGN_OR_RETURN(const internal::StoredRevision before, store_.Revision(number));
    ASSIGN_OR_RETURN(const datastore::RenderedSet files, layers->Render(SetOf(before), number));
    internal::StoredRevision stored = before;
    SetFiles(files, stored);
    if (google::protobuf::util::MessageDifferencer::Equals(stored, before)) continue;
    if (number == state->selected()) RETURN_IF_ERROR(KeepEdits(before, "was edited", note));
    RETURN_IF_ERROR(store_.SetRevision(stored));
    RETURN_IF_ERROR(datastore::WriteSet(context_.volume, number, files));
    if (number == state->selected()) RETURN_IF_ERROR(datastore::SelectSet(context_.volume, files));
  }
  return Ok();
}

Status Configurations::Forget() {
  ASSIGN_OR_RETURN(const std::vector<std::string> files,
                   os::ListDirectory(context_.volume.config()));
  for (const std::string& file : files)
    RETURN_IF_ERROR(os::RemoveTree(context_.volume.config() / file));
  return store_.RemoveAll();
}

Status Configurations::UpdateState(
    const std::function<void(internal::ConfigurationState&)>& change) {
  const std::lock_guard lock(state_mutex_);
  ASSIGN_OR_RETURN(internal::ConfigurationState state, store_.State());
  change(state);
  return store_.SetState(state);
}

// Makes its files the ones that the server reads; whole, whatever was done to them.
Status Configurations::Select(std::uint64_t number) {
  ASSIGN_OR_RETURN(const internal::StoredRevision stored, store_.Revision(number));
  const datastore::RenderedSet files = FilesOf(stored);
  if (!datastore::ChangedFiles(context_.volume, number, files).empty())
    RETURN_IF_ERROR(datastore::WriteSet(context_.volume, number, files));
  RETURN_IF_ERROR(datastore::SelectSet(context_.volume, files));
  return UpdateState([&](internal::ConfigurationState& state) {
    const std::string life = ServerLife();
    state.set_selected(number);
    state.set_selected_in(life);
    std::map<std::string, std::string> waiting(state.pending().begin(), state.pending().end());
    std::erase_if(waiting, [&](const auto& entry) { return entry.second != life; });
    *state.mutable_pending() = {waiting.begin(), waiting.end()};
  });
}

// The server was started on the selected revision, and answers.
Status Configurations::MarkProven() {
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  ASSIGN_OR_RETURN(internal::StoredRevision stored, store_.Revision(state.selected()));
  // also of one that was replaced, and that the server went back to; one that a change is just
  // bringing into force has its state at that change's end
  if (stored.revision().state() != v1::APPLYING) stored.mutable_revision()->set_state(v1::IN_FORCE);
  stored.mutable_revision()->set_proven(true);
  RETURN_IF_ERROR(store_.SetRevision(stored));
  return UpdateState([](internal::ConfigurationState& now) { now.set_proven(now.selected()); });
}

// What is missing or cannot be read is written again: nothing of anybody's is lost by it. An edited
// file is left as it is.
Status Configurations::RepairFiles(const internal::StoredRevision& selected, bool& edited,
                                   const std::function<void(std::string)>& note) {
  for (const datastore::ChangedFile& file :
       datastore::ChangedFiles(context_.volume, selected.revision().number(), FilesOf(selected))) {
    if (file.found) {
      edited = true;
      continue;
    }
    RETURN_IF_ERROR(os::MakeDirectories(file.path.parent_path(), 0755));
    RETURN_IF_ERROR(os::WriteFileAtomic(file.path, file.written, 0644));
    note(fmt::format("configuration file written again: {}", file.why));
  }
  return Ok();
}

Status Configurations::StartServer(const OpContext& ctx,
                                   const std::function<void(std::string)>& note) {
  ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
  const Result<internal::ConfigurationState> state = store_.State();
  if (state.status().reason() == "CONFIGURATION_MISSING") return server->Start(ctx);
  if (!state.ok()) return state.status();
  const std::string life = ServerLife();
  if (life.empty()) RETURN_IF_ERROR(RenderAgain(note));
  ASSIGN_OR_RETURN(const internal::StoredRevision selected, store_.Revision(state->selected()));
  bool edited = false;
  RETURN_IF_ERROR(RepairFiles(selected, edited, note));
  const Status started = server->Start(ctx);
  if (started.ok()) {
    if (!life.empty() && life == ServerLife()) return Ok();  // it ran already
    return MarkProven();
  }
  const bool another_may_start =
      edited || (state->proven() != 0 && state->proven() != state->selected());
  const bool may_be_the_configuration =
      started.reason() == "SERVER_START_FAILED" || started.code() == Code::kDeadlineExceeded;
  if (!another_may_start || !may_be_the_configuration || ctx.stop_reason() != StopReason::kNone)
    return started;
  return StartOnProven(ctx.ForCleanup(kStartBudget), *state, edited, started, note);
}

// Of files that are about to be written over.
Status Configurations::KeepEdits(const internal::StoredRevision& selected, std::string_view why,
                                 const std::function<void(std::string)>& note) {
  const std::uint64_t number = selected.revision().number();
  for (const datastore::ChangedFile& file :
       datastore::ChangedFiles(context_.volume, number, FilesOf(selected))) {
    if (!file.found) continue;
    ASSIGN_OR_RETURN(const os::Path kept,
                     store_.KeepEdited(number, file.path.filename(), *file.found));
    note(fmt::format("'{}' {}; the edited text is kept as '{}'", file.path.native(), why,
                     kept.native()));
  }
  return Ok();
}

// First on the selected revision without what was edited, then on the proven one.
Status Configurations::StartOnProven(const OpContext& ctx,
                                     const internal::ConfigurationState& state, bool edited,
                                     const Status& failure,
                                     const std::function<void(std::string)>& note) {
  ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
  std::vector<std::uint64_t> candidates;
  if (edited) candidates.push_back(state.selected());
  if (state.proven() != 0 && state.proven() != state.selected())
    candidates.push_back(state.proven());
  if (edited) {
    ASSIGN_OR_RETURN(const internal::StoredRevision selected, store_.Revision(state.selected()));
    RETURN_IF_ERROR(KeepEdits(selected, "was edited and the server did not start with it", note));
  }
  for (const std::uint64_t number : candidates) {
    RETURN_IF_ERROR(server->Stop(ctx.WithBudget(kStopBudget)));
    RETURN_IF_ERROR(Select(number));
    KillPoint("configuration.start_on_proven");
    if (const Status started = server->Start(ctx); !started.ok()) {
      telemetry::LogError("configuration.start_failed",
                          fmt::format("the server does not start with revision {} either", number),
                          started);
      continue;
    }
    const std::string text = fmt::format(
        "the server did not start with revision {} and runs with {}: {}", state.selected(),
        number == state.selected() ? "its files as the agent wrote them"
                                   : fmt::format("revision {}", number),
        failure.FullMessage());
    telemetry::LogWarning("configuration.went_back", text, {});
    note(text);
    if (number != state.selected()) RETURN_IF_ERROR(MarkTakenBack(state.selected(), failure));
    return MarkProven();
  }
  // It is not the configuration, then: it stays as it was asked for.
  RETURN_IF_ERROR(Select(state.selected()));
  return failure;
}

// ---- the guard

void Configurations::StartGuard() {
  guard_subscription_ = context_.monitor.Subscribe([this](v1::InstanceState) {
    const std::lock_guard lock(guard_mutex_);
    guard_look_ = true;
    guard_wake_.notify_all();
  });
  guard_look_ = true;
  guard_thread_ = std::thread([this] { Guard(); });
}

Configurations::~Configurations() {
  guard_subscription_.reset();
  {
    const std::lock_guard lock(guard_mutex_);
    guard_ending_ = true;
  }
  guard_wake_.notify_all();
  if (guard_thread_.joinable()) guard_thread_.join();
}

// Restarts that nobody asked the agent for, by supervision or at its own start, are known by the
// state that follows.
void Configurations::Guard() {
  std::unique_lock lock(guard_mutex_);
  while (!guard_ending_) {
    guard_wake_.wait(lock, [this] { return guard_ending_ || guard_look_; });
    if (guard_ending_) return;
    guard_look_ = false;
    lock.unlock();
    const bool again = !LookAfterServer().ok();
    lock.lock();
    if (!again || guard_ending_) continue;
    guard_look_ = true;  // another operation has the server: look again when it may be done
    guard_wake_.wait_for(lock, kGuardPause, [this] { return guard_ending_; });
  }
}

Status Configurations::LookAfterServer() {
  const v1::InstanceState instance = context_.monitor.Current().state();
  if (instance != v1::CRASHED && instance != v1::HEALTHY) return Ok();
  const Result<internal::ConfigurationState> state = store_.State();
  if (!state.ok() || state->selected() == 0) return Ok();  // not prepared, or not by this agent
  const bool unproven = state->proven() != state->selected();
  bool needed = unproven && state->selected_in() != ServerLife();
  if (instance == v1::CRASHED && !needed) {
    ASSIGN_OR_RETURN(const internal::StoredRevision selected, store_.Revision(state->selected()));
    needed =
        unproven ||
        !datastore::ChangedFiles(context_.volume, state->selected(), FilesOf(selected)).empty();
  }
  if (!needed) return Ok();
  return context_.operations
      .Submit({"configuration.settle", {}, "agent", {}, {}},
              [this](operations::Running& running) { return Settle(running); })
      .status();
}

// What a restart that the agent did not ask for has come to.
Status Configurations::Settle(operations::Running& running) {
  const OpContext& ctx = running.ctx();
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  const datastore::HealthState health = context_.datastore.CheckHealth().state;
  if (health == datastore::HealthState::kHealthy) {
    return state.proven() != state.selected() && state.selected_in() != ServerLife() ? MarkProven()
                                                                                     : Ok();
  }
  if (health != datastore::HealthState::kCrashed) return Ok();
  ASSIGN_OR_RETURN(datastore::ServerControl* const server, Server());
  RETURN_IF_ERROR(server->Stop(ctx.WithBudget(kStopBudget)));
  const Status started = StartServer(ctx.WithBudget(kStartBudget),
                                     [&](std::string note) { running.AddNote(std::move(note)); });
  context_.monitor.Refresh();
  return started;
}

}  // namespace dbagent::workflows
