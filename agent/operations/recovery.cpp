// What an earlier life of the agent left unfinished.
#include "agent/operations/live.h"

namespace dbagent::operations {

void Operations::OnRecover(std::string kind, RecoverBody body) {
  recover_[std::move(kind)] = std::move(body);
}

Status Operations::StartRecovery() {
  ASSIGN_OR_RETURN(std::vector<Record> unfinished, journal_->Unfinished());
  const std::lock_guard lock(mutex_);
  for (Record& record : unfinished) {
    auto live = std::make_shared<Live>();
    live->kind = FindKind(record.kind);
    if (live->kind == nullptr) {
      return Error(Code::kFailedPrecondition, "JOURNAL_TOO_NEW",
                   "the journal has an unfinished operation '{}' of kind '{}', which this agent "
                   "does not know",
                   record.id, record.kind)
          .WithHint("start the agent that began it once, so that it can finish it");
    }
    record.state = State::kInterrupted;
    RETURN_IF_ERROR(journal_->Put(record));
    live->record = std::move(record);
    live->progress = std::make_unique<ProgressMeter>([this, id = live->record.id] { Notify(id); });
    locks_.Hold(live->record.id, *live->kind, live->record.targets);
    live_[live->record.id] = live;
  }
  if (live_.empty()) return Ok();
  recovery_done_ = false;
  recovery_thread_ = std::thread([this] { RecoverAll(); });
  return Ok();
}

bool Operations::RecoveryDone() {
  const std::lock_guard lock(mutex_);
  return recovery_done_;
}

Status Operations::Recover(const std::shared_ptr<Live>& live) {
  const auto body = recover_.find(live->record.kind);
  if (body != recover_.end()) return RunBody(live, body->second);
  return Error(Code::kInternal, "NO_RECOVERY", "operations of kind '{}' cannot be recovered",
               live->record.kind);
}

// False: not yet, try again.
bool Operations::RecoverOne(const std::shared_ptr<Live>& live) {
  const Status outcome = Recover(live);
  if (!outcome.ok() && outcome.retryable()) {
    const std::lock_guard lock(mutex_);
    live->record.error = StoredError::From(outcome);
    return false;
  }
  const bool goes_on = EndRecovery(live, outcome);
  if (goes_on) {
    const std::lock_guard lock(mutex_);
    StartThread(live, [this, live] { Finish(live, RunBody(live, live->goes_on)); });
  } else {
    Finish(live, outcome);
  }
  return true;
}

// Whether it goes on.
bool Operations::EndRecovery(const std::shared_ptr<Live>& live, const Status& outcome) {
  const bool goes_on = outcome.ok() && live->goes_on;
  {
    const std::lock_guard lock(mutex_);
    live->record.error = {};
    if (goes_on) live->record.state = State::kRunning;
    if (live->ending == Live::Ending::kAsItIs) {
      live->record.notes.emplace_back(goes_on        ? "goes on after the agent was restarted"
                                      : outcome.ok() ? "finished after the agent was restarted"
                                                     : "undone after the agent was restarted");
    }
  }
  if (goes_on) Notify(live->record.id);
  return goes_on;
}

void Operations::RecoverAll() {
  std::vector<std::shared_ptr<Live>> waiting;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, live] : live_) {
      if (live->record.state == State::kInterrupted) waiting.push_back(live);
    }
  }
  while (!waiting.empty()) {
    std::erase_if(waiting, [this](const std::shared_ptr<Live>& live) { return RecoverOne(live); });
    std::unique_lock lock(mutex_);
    if (waiting.empty() ||
        idle_.wait_for(lock, options_.recover_pause, [this] { return stopping_; }))
      break;
  }
  const std::lock_guard lock(mutex_);
  recovery_done_ = true;
}

// ---- of what was left for lack of credentials

Result<Record> Operations::RecoverOrphan(const std::string& id) {
  const std::lock_guard begin_lock(begin_mutex_);  // one of two callers finds it as it is
  ASSIGN_OR_RETURN(Record record, Get(id));
  if (record.state != State::kOrphaned) {
    return Error(Code::kFailedPrecondition, "NOT_ORPHANED",
                 "operation '{}' ({}) waits for no credentials: {}", id, record.kind,
                 HasEnded(record.state) ? "it has ended and left nothing" : "it has not ended")
        .WithHint("`dbagentctl operation list --state ORPHANED` shows which do");
  }
  auto live = std::make_shared<Live>();
  live->kind = FindKind(record.kind);
  if (live->kind == nullptr)
    return Error(Code::kInternal, "KIND_UNKNOWN", "no operation kind '{}'", record.kind);
  record.notes.push_back("it had ended with: " + record.error.message);
  record.error = {};
  record.state = State::kInterrupted;
  record.ended.reset();
  live->record = record;
  live->progress = std::make_unique<ProgressMeter>([this, id] { Notify(id); });
  {
    const std::lock_guard lock(mutex_);
    if (stopping_)
      return Error(Code::kUnavailable, "AGENT_STOPPING", "the agent is stopping").AsRetryable();
    RETURN_IF_ERROR(locks_.Acquire(id, *live->kind, record.targets));
    live_[id] = live;
  }
  if (Status put = journal_->Put(record); !put.ok()) {
    Forget(live);
    return std::move(put).Wrap(fmt::format("unable to recover operation '{}'", id));
  }
  {
    const std::lock_guard lock(mutex_);
    StartThread(live, [this, live] { RunOrphan(live); });
  }
  JoinEnded();
  Notify(id);
  return record;
}

void Operations::RunOrphan(const std::shared_ptr<Live>& live) {
  const Status outcome = Recover(live);
  if (!outcome.ok() && outcome.retryable()) live->ending = Live::Ending::kOrphaned;
  if (EndRecovery(live, outcome)) return Finish(live, RunBody(live, live->goes_on));
  Finish(live, outcome);
}

}  // namespace dbagent::operations
