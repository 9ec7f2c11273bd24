#include "agent/operations/operations.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <algorithm>
#include <exception>

#include "agent/base/bytes.h"
#include "agent/base/kill_point.h"
#include "agent/operations/live.h"
#include "agent/os/files.h"

namespace dbagent::operations {

class Operations::RunningImpl : public Running {
 public:
  RunningImpl(Operations& owner, std::shared_ptr<Live> live)
      : owner_(owner),
        live_(std::move(live)),
        ctx_(live_->stop, live_->deadline, live_->record.id, live_->progress.get()) {}

  const OpContext& ctx() const override { return ctx_; }
  const std::string& id() const override { return live_->record.id; }
  const std::string& kind() const override { return live_->record.kind; }
  const std::string& plan() const override { return live_->record.plan; }
  RateLimit& rate() override { return live_->rate; }

  Status SavePlan(std::string plan) override {
    Record copy;
    {
      const std::lock_guard lock(owner_.mutex_);
      live_->record.plan = std::move(plan);
      copy = live_->record;
    }
    return owner_.journal_->Put(copy);
  }
  Status ChangeLocks(const std::string& kind, const std::vector<std::string>& targets) override {
    const std::lock_guard lock(owner_.mutex_);
    return owner_.locks_.Acquire(live_->record.id, *FindKind(kind), targets);
  }
  void SetResult(std::string result, bool secret) override {
    const std::lock_guard lock(owner_.mutex_);
    live_->record.result = std::move(result);
    live_->record.result_secret = secret;
  }
  void SetBackupId(std::string id) override {
    {
      const std::lock_guard lock(owner_.mutex_);
      live_->record.backup_id = std::move(id);
    }
    owner_.Notify(live_->record.id);
  }
  void AddNote(std::string note) override {
    const std::lock_guard lock(owner_.mutex_);
    live_->record.notes.push_back(std::move(note));
  }
  void LeaveOrphaned() override { live_->ending = Live::Ending::kOrphaned; }
  void LeaveForRecovery() override { live_->ending = Live::Ending::kForRecovery; }
  void GoOnWith(Body body) override { live_->goes_on = std::move(body); }

 private:
  Operations& owner_;
  std::shared_ptr<Live> live_;
  OpContext ctx_;
};

namespace {

Result<std::string> LoadOrMakeKey(const std::string& path) {
  ASSIGN_OR_RETURN(const bool exists, os::Exists(path));
  if (exists) return os::ReadFile(path, 64);
  std::string key(32, '\0');
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    return Error(Code::kInternal, "NO_RANDOMNESS", "unable to make the key '{}': getrandom failed",
                 path);
  }
  RETURN_IF_ERROR(os::WriteFileAtomic(path, key, 0600));
  return key;
}

}  // namespace

Result<std::unique_ptr<Operations>> Operations::Open(Options options) {
  ASSIGN_OR_RETURN(std::string key, LoadOrMakeKey(options.key_path));
  ASSIGN_OR_RETURN(std::unique_ptr<Journal> journal, Journal::Open(options.journal_path));
  return std::unique_ptr<Operations>(
      new Operations(std::move(options), std::move(journal), std::move(key)));
}

Operations::Operations(Options options, std::unique_ptr<Journal> journal, std::string key)
    : options_(std::move(options)), journal_(std::move(journal)), key_(std::move(key)) {}

Operations::~Operations() {
  Shutdown(std::chrono::hours(24));  // a body that outlived us would use what is gone
}

std::string Operations::Digest(std::string_view data) const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest, &size);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

std::string Operations::RequestDigest(const Spec& spec) const {
  return Digest(spec.kind + '\0' + spec.request);
}

Record Operations::Snapshot(const Live& live) const {
  Record record = live.record;
  record.progress = live.progress->Read();
  record.progress.rate_limit = live.rate.bytes_per_second();
  return record;
}

// ---- beginning
// ------------------------------------------------------------------------------------------------------

// What an earlier call with this request_id came to: nothing, its record, or an error.
Result<std::optional<Record>> Operations::FindEarlier(const Spec& spec, const std::string& digest) {
  if (spec.request_id.empty()) return std::optional<Record>();
  if (spec.request_id.size() > 128) {
    return Error(Code::kInvalidArgument, "REQUEST_ID_INVALID",
                 "request_id has {} bytes, at most 128 are allowed", spec.request_id.size());
  }
  ASSIGN_OR_RETURN(std::optional<Record> earlier, journal_->FindRequest(spec.request_id));
  if (!earlier) return earlier;
  if (earlier->kind != spec.kind || earlier->request_digest != digest) {
    return Error(Code::kInvalidArgument, "REQUEST_ID_REUSED",
                 "request_id '{}' was used for another request (operation '{}', {})",
                 spec.request_id, earlier->id, earlier->kind)
        .WithField("operation", earlier->id)
        .WithHint("take a fresh id (a UUID) for each new request");
  }
  return earlier;
}

Result<std::shared_ptr<Operations::Live>> Operations::Begin(const Spec& spec, Deadline deadline,
                                                            std::optional<Record>& earlier) {
  const Kind* kind = FindKind(spec.kind);
  if (kind == nullptr)
    return Error(Code::kInternal, "KIND_UNKNOWN", "no operation kind '{}'", spec.kind);
  const std::string digest = RequestDigest(spec);
  const std::lock_guard begin_lock(begin_mutex_);
  ASSIGN_OR_RETURN(earlier, FindEarlier(spec, digest));
  if (earlier) return std::shared_ptr<Live>();

  auto live = std::make_shared<Live>();
  live->kind = kind;
  live->deadline = deadline;
  live->record.id = NewId();
  live->record.kind = spec.kind;
  live->record.targets = spec.targets;
  live->record.state = State::kRunning;
  live->record.caller = spec.caller;
  live->record.request_id = spec.request_id;
  live->record.request_digest = digest;
  live->record.created = std::chrono::system_clock::now();
  live->record.started = live->record.created;
  live->progress = std::make_unique<ProgressMeter>([this, id = live->record.id] { Notify(id); });
  {
    const std::lock_guard lock(mutex_);
    if (stopping_)
      return Error(Code::kUnavailable, "AGENT_STOPPING", "the agent is stopping").AsRetryable();
    RETURN_IF_ERROR(locks_.Acquire(live->record.id, *kind, spec.targets));
    live_[live->record.id] = live;
  }
  if (Status put = journal_->Put(live->record); !put.ok()) {
    const std::lock_guard lock(mutex_);
    locks_.Release(live->record.id);
    live_.erase(live->record.id);
    return std::move(put).Wrap(fmt::format("unable to begin '{}'", spec.kind));
  }
  KillPoint(spec.kind + ".journalled");
  return live;
}

// ---- running
// --------------------------------------------------------------------------------------------------------

Status Operations::RunBody(const std::shared_ptr<Live>& live, const Body& body) {
  RunningImpl running(*this, live);
  try {
    return body(running);
  } catch (const std::exception& error) {
    return Error(Code::kInternal, "UNEXPECTED_EXCEPTION",
                 "operation '{}' ended by an exception: {}", live->record.id, error.what())
        .WithHint("this is a fault in the agent; report it with the agent's log");
  }
}

// The journal still says that it runs.
void Operations::Forget(const std::shared_ptr<Live>& live) {
  {
    const std::lock_guard lock(mutex_);
    live->record.state = State::kInterrupted;
    locks_.Release(live->record.id);
    live_.erase(live->record.id);
    if (auto thread = threads_.extract(live->record.id))
      ended_threads_.push_back(std::move(thread.mapped()));
  }
  Notify(live->record.id);
  idle_.notify_all();
}

void Operations::Finish(const std::shared_ptr<Live>& live, const Status& outcome) {
  if (!outcome.ok() && live->ending == Live::Ending::kForRecovery) return Forget(live);
  // Others see it running until its locks are free: whoever sees it done can begin the next at
  // once.
  Record record;
  {
    const std::lock_guard lock(mutex_);
    record = live->record;
  }
  record.ended = std::chrono::system_clock::now();
  if (outcome.ok()) {
    record.state = State::kSucceeded;
  } else {
    const bool cancelled =
        outcome.code() == Code::kCancelled && live->stop->reason() == StopReason::kCancelled;
    record.state = live->ending == Live::Ending::kOrphaned ? State::kOrphaned
                   : cancelled                             ? State::kCancelled
                                                           : State::kFailed;
    record.error = StoredError::From(outcome);
    record.request_id.clear();  // nothing was done: the same id may try again
  }
  if (record.state != State::kOrphaned) record.plan.clear();
  KillPoint(record.kind + ".done");
  Record kept = record;
  if (kept.result_secret) kept.result.clear();
  if (Status put = journal_->Put(kept); !put.ok()) {
    // The work is done, its record is not: the journal keeps it until it can write it. Should the
    // agent end before that, recovery will find out what was done.
    record.notes.push_back("its end could not be journalled: " + put.FullMessage());
  }
  {
    const std::lock_guard lock(mutex_);
    live->record = record;
    locks_.Release(record.id);
    live_.erase(record.id);
    if (auto thread = threads_.extract(record.id))
      ended_threads_.push_back(std::move(thread.mapped()));
  }
  KillPoint(record.kind + ".recorded");
  record.progress = live->progress->Read();
  if (options_.on_finished) options_.on_finished(record);
  Notify(record.id);
  idle_.notify_all();
}

Result<Record> Operations::Submit(const Spec& spec, Body body) {
  std::optional<Record> earlier;
  ASSIGN_OR_RETURN(const std::shared_ptr<Live> live, Begin(spec, Deadline::Never(), earlier));
  if (earlier) return Get(earlier->id);
  Record answer;
  {
    const std::lock_guard lock(mutex_);
    answer = Snapshot(*live);
    StartThread(live, [this, live, body = std::move(body)] { Finish(live, RunBody(live, body)); });
  }
  JoinEnded();
  return answer;
}

// Under mutex_.
void Operations::StartThread(const std::shared_ptr<Live>& live, std::function<void()> work) {
  threads_[live->record.id] = std::thread(std::move(work));
}

void Operations::JoinEnded() {
  std::vector<std::thread> to_join;
  {
    const std::lock_guard lock(mutex_);
    to_join.swap(ended_threads_);
  }
  for (std::thread& thread : to_join) thread.join();
}

Result<Record> Operations::RunQuick(const Spec& spec, Deadline deadline, const Body& body) {
  std::optional<Record> earlier;
  ASSIGN_OR_RETURN(const std::shared_ptr<Live> live, Begin(spec, deadline, earlier));
  if (earlier) {
    if (!HasEnded(earlier->state)) {
      return Error(Code::kAborted, "STILL_RUNNING",
                   "the first call of request_id '{}' is still running", spec.request_id)
          .WithField("operation", earlier->id)
          .WithHint("repeat the call a little later")
          .AsRetryable();
    }
    if (earlier->result_secret) {
      return Error(Code::kAlreadyExists, "ALREADY_APPLIED",
                   "request_id '{}' was applied before; its answer held a secret and was not kept",
                   spec.request_id)
          .WithField("operation", earlier->id)
          .WithHint("ask for a new secret with a new request_id");
    }
    return *std::move(earlier);
  }
  const Status outcome = RunBody(live, body);
  Finish(live, outcome);
  if (!outcome.ok()) return outcome;
  const std::lock_guard lock(mutex_);
  return live->record;
}

Result<Record> Operations::FindRequest(const Spec& spec) {
  ASSIGN_OR_RETURN(const std::optional<Record> earlier, FindEarlier(spec, RequestDigest(spec)));
  if (earlier) return Get(earlier->id);
  return Error(Code::kNotFound, "OPERATION_NOT_FOUND", "no operation of request_id '{}'",
               spec.request_id);
}

// ---- questions
// ------------------------------------------------------------------------------------------------------

Result<Record> Operations::Get(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find(id); found != live_.end()) return Snapshot(*found->second);
  }
  ASSIGN_OR_RETURN(std::optional<Record> record, journal_->Get(id));
  if (!record) {
    return Error(Code::kNotFound, "OPERATION_NOT_FOUND", "no operation '{}'", id)
        .WithHint("list them with `dbagentctl operation list`");
  }
  if (HasEnded(record->state) && record->state == State::kSucceeded) record->progress.percent = 100;
  return *std::move(record);
}

Result<std::vector<Record>> Operations::List(const ListFilter& filter) {
  // What lives is in the state that it says, whatever the journal has: it knows of no CANCELLING,
  // and of an end a moment before the locks are free.
  std::map<std::string, Record> live;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, one] : live_) live.emplace(id, Snapshot(*one));
  }
  const auto asked_for = [&](const Record& record) {
    return filter.states.empty() || std::find(filter.states.begin(), filter.states.end(),
                                              record.state) != filter.states.end();
  };
  ListFilter wider = filter;
  wider.limit += live.size();
  ASSIGN_OR_RETURN(std::vector<Record> records, journal_->List(wider));
  std::erase_if(records, [&](const Record& record) { return live.contains(record.id); });
  for (auto& [id, record] : live) {
    if (asked_for(record) && (filter.kind.empty() || record.kind == filter.kind) &&
        (filter.before.empty() || id < filter.before))
      records.push_back(std::move(record));
  }
  std::sort(records.begin(), records.end(),
            [](const Record& a, const Record& b) { return a.id > b.id; });
  if (records.size() > filter.limit) records.resize(filter.limit);
  return records;
}

std::map<std::string, unsigned> Operations::RunningByKind() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, unsigned> running;
  for (const auto& [id, live] : live_) ++running[live->record.kind];
  return running;
}

Result<Record> Operations::Cancel(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find(id); found != live_.end()) {
      Live& live = *found->second;
      if (!live.kind->cancellable || live.record.state == State::kInterrupted) {
        return Error(Code::kFailedPrecondition, "NOT_CANCELLABLE",
                     "operation '{}' ({}) cannot be cancelled", id, live.record.kind)
            .WithHint(live.record.state == State::kInterrupted
                          ? "it is being recovered after a restart of the agent"
                          : "it is over in a moment");
      }
      live.record.state = State::kCancelling;
    }
  }
  std::shared_ptr<Live> live;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find(id); found != live_.end()) live = found->second;
  }
  if (live) {
    live->stop->RequestStop(StopReason::kCancelled);  // outside the lock: stop callbacks run here
    Notify(id);
  }
  return Get(id);
}

Result<Record> Operations::Throttle(const std::string& id, std::uint64_t bytes_per_second) {
  std::shared_ptr<Live> live;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find(id); found != live_.end()) live = found->second;
  }
  if (!live || !live->kind->throttled) {
    ASSIGN_OR_RETURN(const Record record, Get(id));
    return Error(Code::kFailedPrecondition, "NOT_THROTTLABLE",
                 "operation '{}' ({}) cannot be throttled: {}", id, record.kind,
                 HasEnded(record.state) ? "it has ended" : "it has no limit of its rate")
        .WithHint("a backup, a restore or a verification can, while it runs");
  }
  live->rate.Set(bytes_per_second);
  Notify(id);
  return Get(id);
}

std::shared_ptr<void> Operations::Subscribe(const std::string& id, std::function<void()> changed) {
  auto call = std::make_shared<std::function<void()>>(std::move(changed));
  const std::lock_guard lock(mutex_);
  subscribers_.emplace(id, call);
  return std::shared_ptr<void>(call.get(), [this, id, call](void*) {
    const std::lock_guard inner(mutex_);
    const auto [first, last] = subscribers_.equal_range(id);
    for (auto at = first; at != last; ++at) {
      if (at->second == call) {
        subscribers_.erase(at);
        return;
      }
    }
  });
}

void Operations::Notify(const std::string& id) {
  std::vector<std::shared_ptr<std::function<void()>>> calls;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = subscribers_.equal_range(id);
    for (auto at = first; at != last; ++at) calls.push_back(at->second);
  }
  for (const auto& call : calls) (*call)();
}

bool Operations::Shutdown(std::chrono::milliseconds budget) {
  std::vector<std::shared_ptr<Live>> running;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [id, live] : live_) running.push_back(live);
  }
  idle_.notify_all();
  for (const auto& live : running) live->stop->RequestStop(StopReason::kShutdown);
  if (recovery_thread_.joinable()) recovery_thread_.join();
  std::vector<std::thread> to_join;
  bool all_ended = false;
  {
    std::unique_lock lock(mutex_);
    all_ended = idle_.wait_for(lock, budget, [this] { return threads_.empty(); });
    to_join.swap(ended_threads_);
  }
  for (std::thread& thread : to_join) thread.join();
  return all_ended;
}

}  // namespace dbagent::operations
