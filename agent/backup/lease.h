#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/storage/object_store.h"
#include "dbagent/internal/upkeep.pb.h"

namespace dbagent::backup {

inline constexpr std::chrono::minutes kLease{10};
// Clocks of two machines may differ by this much before a sweep takes a living backup for an
// abandoned one.
inline constexpr std::chrono::hours kClockMargin{1};

// How long after its lease an interrupted backup can go on. Sweeps leave it alone for as long.
inline constexpr std::chrono::hours kResumeWithin = kClockMargin;

// A new one at each start of the agent.
const std::string& AgentLife();

// A backup's word that it is being made: the object `in-progress`, renewed by a thread of its own
// as long as this lives. Threads: any.
class Lease {
 public:
  struct Options {
    std::string instance, backup, operation;
    std::chrono::milliseconds span = kLease;
    std::chrono::milliseconds renew_every = kLease / 5;
  };
  // Writes the marker; before the first chunk.
  static Result<std::unique_ptr<Lease>> Take(const OpContext& ctx, storage::ObjectStore& store,
                                             Options options);
  // Of a backup that an earlier life of the agent was making: as Take when nothing was written yet;
  // BACKUP_LEASE_LOST when the marker is another's, ran out more than kResumeWithin ago, or
  // somebody has begun to remove the backup.
  static Result<std::unique_ptr<Lease>> TakeOver(const OpContext& ctx, storage::ObjectStore& store,
                                                 Options options);
  // Ends the renewals. The marker stays: whoever removes the rest removes it.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // ABORTED BACKUP_LEASE_LOST when it could not be renewed in time: from then on others may take
  // the backup for abandoned.
  Status Check() const;
  // The same, and that nobody has begun to remove the backup. Answers how long the lease still
  // lasts.
  Result<std::chrono::milliseconds> Confirm(const OpContext& ctx);
  // Removes the marker; the manifest is there.
  Status End(const OpContext& ctx);

 private:
  Lease(storage::ObjectStore& store, Options options);
  Status Write(const OpContext& ctx, bool first);
  // Writes the marker and keeps it alive from then on.
  Status Begin(const OpContext& ctx, bool first);
  void KeepRenewing();

  storage::ObjectStore& store_;
  const Options options_;
  const std::string marker_, deleting_;
  internal::InProgress content_;
  const std::shared_ptr<StopSwitch> stop_ = std::make_shared<StopSwitch>();
  mutable std::mutex mutex_;
  SteadyTime until_;
  Status last_error_;
  std::thread thread_;
};

// The store as a backup in progress sees it: nothing is stored any more once the lease is lost.
class LeasedStore : public storage::ObjectStore {
 public:
  LeasedStore(storage::ObjectStore& store, const Lease& lease) : store_(store), lease_(lease) {}

  Status Put(const OpContext& ctx, const std::string& name,
             const storage::Content& content) override {
    RETURN_IF_ERROR(lease_.Check());
    return store_.Put(ctx, name, content);
  }
  Status Replace(const OpContext& ctx, const std::string& name, Bytes content) override {
    RETURN_IF_ERROR(lease_.Check());
    return store_.Replace(ctx, name, content);
  }
  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    return store_.Get(ctx, name, limit);
  }
  Result<bool> Exists(const OpContext& ctx, const std::string& name) override {
    return store_.Exists(ctx, name);
  }
  Result<std::vector<storage::Listed>> List(const OpContext& ctx, const std::string& prefix,
                                            const storage::ListPage& page) override {
    return store_.List(ctx, prefix, page);
  }
  Status Remove(const OpContext& ctx, const std::string& name) override {
    return store_.Remove(ctx, name);
  }

 private:
  storage::ObjectStore& store_;
  const Lease& lease_;
};

}  // namespace dbagent::backup
