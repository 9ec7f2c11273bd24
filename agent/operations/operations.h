#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/rate_limit.h"
#include "agent/base/result.h"
#include "agent/operations/journal.h"
#include "agent/operations/lock_table.h"

// The operation engine (design section 7): journal before action, one lock table, progress, cancel,
// request ids, recovery. It knows no database: what an operation does is a body that a workflow
// hands in.
namespace dbagent::operations {

class ProgressMeter;

// What a body sees of its own operation. One thread at a time.
class Running {
 public:
  virtual ~Running() = default;
  virtual const OpContext& ctx() const = 0;
  virtual const std::string& id() const = 0;
  virtual const std::string& kind() const = 0;
  // How fast it may read; Operations::Throttle changes it.
  virtual RateLimit& rate() = 0;
  // The plan as journalled: what the body saved, or, in recovery, what the killed life had saved
  // last.
  virtual const std::string& plan() const = 0;
  // Journals what recovery will need; durable when it answers OK. Call it before the action it
  // speaks of. Never a secret.
  virtual Status SavePlan(std::string plan) = 0;
  // From here on it has the locks of another kind instead of its own. LOCK_HELD: then nothing
  // changed. A recovery has those of its own kind again.
  virtual Status ChangeLocks(const std::string& kind, const std::vector<std::string>& targets) = 0;
  virtual void SetResult(std::string result, bool secret = false) = 0;
  virtual void SetBackupId(std::string id) = 0;
  virtual void AddNote(std::string note) = 0;

  // How it ends, said before the body returns its error:
  // as ORPHANED: what it leaves cannot be removed without credentials that are not there;
  virtual void LeaveOrphaned() = 0;
  // not at all in this life of the agent, which is stopping: the next one recovers it.
  virtual void LeaveForRecovery() = 0;
  // Of a recovery, before it returns OK: it goes on, running, with `body`, whose end is its end.
  virtual void GoOnWith(std::function<Status(Running&)> body) = 0;
};

using Body = std::function<Status(Running&)>;

struct Spec {
  std::string kind;                  // of kinds.h
  std::vector<std::string> targets;  // what it works on; the lock table reads them
  std::string caller;                // who asked, for the record
  std::string request_id;            // empty: none
  std::string request;               // the whole request; compared by keyed HMAC, never stored
};

// Recovery of one kind: called at start with the journalled plan, it finishes or undoes, or finds
// that the work can go on (Running::GoOnWith). OK: it is done (SUCCEEDED, with a note); an error:
// it was undone and that is the reason shown (FAILED) — unless the error is retryable: then it
// stays INTERRUPTED, keeps its locks, and recovery is tried again. One recovery at a time: what
// takes long goes on instead.
using RecoverBody = Body;

class Operations {
 public:
  struct Options {
    std::string journal_path;
    std::string key_path;  // key of the request digests; made when missing
    std::function<void(const Record&)> on_finished;  // audit and logs; any thread
    std::chrono::milliseconds recover_pause = std::chrono::seconds(3);
  };
  static Result<std::unique_ptr<Operations>> Open(Options options);
  ~Operations();

  // ---- before work is taken
  void OnRecover(std::string kind, RecoverBody body);
  // Takes the locks of everything unfinished, then recovers it in a thread of its own. Work that
  // conflicts is refused meanwhile (LOCK_HELD), other work is taken at once.
  Status StartRecovery();
  bool RecoveryDone();

  // ---- work
  // Journals and begins a long operation; answers at once. Also answers an earlier operation of the
  // same request. REQUEST_ID_REUSED, LOCK_HELD, AGENT_STOPPING, journal errors.
  Result<Record> Submit(const Spec& spec, Body body);
  // Journals and runs a quick one in the calling thread, at most until `deadline`; answers its
  // record with the result. A body's error is the call's error. A repeated request is answered from
  // the journal (ALREADY_APPLIED when its result held a secret).
  Result<Record> RunQuick(const Spec& spec, Deadline deadline, const Body& body);

  // ---- questions; any thread
  // The operation that an earlier call of the same request began: for callers whose checks the
  // success of that call would fail. OPERATION_NOT_FOUND, REQUEST_ID_REUSED.
  Result<Record> FindRequest(const Spec& spec);
  Result<Record> Get(const std::string& id);                   // OPERATION_NOT_FOUND
  Result<std::vector<Record>> List(const ListFilter& filter);  // newest first, with live progress
  std::map<std::string, unsigned> RunningByKind() const;  // not ended; only kinds that have any
  Result<Record> Cancel(const std::string& id);           // NOT_CANCELLABLE
  // Recovers an ORPHANED one, for which the workflow now has what was missing; answers at once. A
  // retryable error leaves it ORPHANED. NOT_ORPHANED, LOCK_HELD, AGENT_STOPPING.
  Result<Record> RecoverOrphan(const std::string& id);
  // From now on at most so many bytes a second, 0: as many as come. NOT_THROTTLABLE.
  Result<Record> Throttle(const std::string& id, std::uint64_t bytes_per_second);
  // `changed` is called (from any thread, never under a lock of ours, must not block) when the
  // operation changes. The subscription ends with the returned object.
  std::shared_ptr<void> Subscribe(const std::string& id, std::function<void()> changed);
  // The instance's HMAC-SHA256, for what must be compared later and never be seen: page tokens,
  // credentials.
  std::string Digest(std::string_view data) const;

  // Stops running operations (UNAVAILABLE AGENT_STOPPING reaches their bodies, which undo) and
  // waits for them at most `budget`. No work is taken afterwards. False: something did not end in
  // time; the process should then end by _exit, its journal row is still unfinished and is
  // recovered at the next start. The destructor waits for as long as it takes.
  bool Shutdown(std::chrono::milliseconds budget);

 private:
  struct Live;
  class RunningImpl;

  Operations(Options options, std::unique_ptr<Journal> journal, std::string key);
  std::string RequestDigest(const Spec& spec) const;
  Result<std::optional<Record>> FindEarlier(const Spec& spec, const std::string& digest);
  Result<std::shared_ptr<Live>> Begin(const Spec& spec, Deadline deadline,
                                      std::optional<Record>& earlier);
  Status RunBody(const std::shared_ptr<Live>& live, const Body& body);
  void Finish(const std::shared_ptr<Live>& live, const Status& outcome);
  // Without an end in the journal.
  void Forget(const std::shared_ptr<Live>& live);
  void StartThread(const std::shared_ptr<Live>& live, std::function<void()> work);
  void JoinEnded();
  void RecoverAll();
  bool RecoverOne(const std::shared_ptr<Live>& live);
  Status Recover(const std::shared_ptr<Live>& live);
  bool EndRecovery(const std::shared_ptr<Live>& live, const Status& outcome);
  void RunOrphan(const std::shared_ptr<Live>& live);
  void Notify(const std::string& id);
  Record Snapshot(const Live& live) const;

  const Options options_;
  const std::unique_ptr<Journal> journal_;
  const std::string key_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  bool stopping_ = false;
  bool recovery_done_ = true;
  LockTable locks_;
  std::map<std::string, std::shared_ptr<Live>> live_;
  std::map<std::string, RecoverBody> recover_;
  std::multimap<std::string, std::shared_ptr<std::function<void()>>> subscribers_;
  std::map<std::string, std::thread> threads_;  // by operation id; joined when ended
  std::vector<std::thread> ended_threads_;
  std::thread recovery_thread_;
  std::mutex begin_mutex_;  // one request at a time between looking its id up and journalling it
};

}  // namespace dbagent::operations
