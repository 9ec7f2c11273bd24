#include "agent/backup/lease.h"

#include <algorithm>

#include "agent/backup/json.h"
#include "agent/backup/layout.h"
#include "agent/backup/time.h"
#include "agent/base/kill_point.h"
#include "agent/base/pause.h"

namespace dbagent::backup {
namespace {

constexpr std::chrono::seconds kWriteBudget{60};  // of one renewal

Status Lost(const std::string& backup, std::string_view why) {
  return Error(Code::kAborted, "BACKUP_LEASE_LOST", "unable to go on with backup '{}': {}", backup,
               why)
      .WithHint("look at the store, then take the backup again");
}

}  // namespace

const std::string& AgentLife() {
  static const std::string life = NewUuid();
  return life;
}

Lease::Lease(storage::ObjectStore& store, Options options)
    : store_(store),
      options_(std::move(options)),
      marker_(FolderOf(options_.instance, options_.backup) + kInProgressName),
      deleting_(FolderOf(options_.instance, options_.backup) + kDeletingName) {
  content_.set_backup_id(options_.backup);
  content_.set_instance_id(options_.instance);
  content_.set_agent(AgentLife());
  content_.set_operation_id(options_.operation);
  SetTime(std::chrono::system_clock::now(), *content_.mutable_start_time());
  last_error_.Ignore("none yet");
}

Result<std::unique_ptr<Lease>> Lease::Take(const OpContext& ctx, storage::ObjectStore& store,
                                           Options options) {
  std::unique_ptr<Lease> lease(new Lease(store, std::move(options)));
  RETURN_IF_ERROR(lease->Begin(ctx, true));
  return lease;
}

Status Lease::Begin(const OpContext& ctx, bool first) {
  RETURN_IF_ERROR(
      Write(ctx, first).Wrap(fmt::format("unable to begin backup '{}'", options_.backup)));
  KillPoint("backup.marker_written");
  thread_ = std::thread([this] { KeepRenewing(); });
  return Ok();
}

// The marker is written first, then the mark of a removal looked for: a sweep does the two the
// other way round, so that one of both sees the other.
Result<std::unique_ptr<Lease>> Lease::TakeOver(const OpContext& ctx, storage::ObjectStore& store,
                                               Options options) {
  std::unique_ptr<Lease> lease(new Lease(store, std::move(options)));
  const std::string& backup = lease->options_.backup;
  const Result<std::vector<std::byte>> content =
      store.Get(ctx, lease->marker_, kLargestMarkerBytes);
  if (content.ok()) {
    internal::InProgress marker;
    RETURN_IF_ERROR(FromJson(AsText(*content), lease->marker_, marker));
    if (marker.operation_id() != lease->options_.operation && !marker.found_by_sweep())
      return Lost(backup, fmt::format("its marker is of operation '{}'", marker.operation_id()));
    if (ReadTime(marker.lease_until()) + kResumeWithin < std::chrono::system_clock::now())
      return Lost(backup, "it was interrupted too long ago");
    *lease->content_.mutable_start_time() = marker.start_time();
  } else if (content.status().reason() != "OBJECT_NOT_FOUND") {
    return content.status();
  }
  RETURN_IF_ERROR(lease->Begin(ctx, !content.ok()));
  ASSIGN_OR_RETURN(const bool deleting, store.Exists(ctx, lease->deleting_));
  if (deleting) return Lost(backup, "somebody has begun to remove what it had stored");
  return lease;
}

Lease::~Lease() {
  stop_->RequestStop(StopReason::kCancelled);
  if (thread_.joinable()) thread_.join();
  last_error_.Ignore("Check told it when it mattered");
}

// The lease counts from before the write, so that it never lasts longer than the marker says.
Status Lease::Write(const OpContext& ctx, bool first) {
  const SteadyTime began = std::chrono::steady_clock::now();
  SetTime(std::chrono::system_clock::now() + options_.span, *content_.mutable_lease_until());
  ASSIGN_OR_RETURN(const std::string json, ToJson(content_));
  Status written =
      first ? store_.Put(ctx, marker_, AsBytes(json)) : store_.Replace(ctx, marker_, AsBytes(json));
  const std::lock_guard lock(mutex_);
  if (written.ok()) {
    until_ = began + options_.span;
    last_error_ = Status();
    last_error_.Ignore("none");
  } else {
    last_error_ = written;
    last_error_.Ignore("Check tells it");
  }
  return written;
}

void Lease::KeepRenewing() {
  const OpContext ctx(stop_, Deadline::Never(), {}, nullptr);
  bool renewed = true;
  while (stop_->reason() == StopReason::kNone) {
    Pause(ctx, renewed ? options_.renew_every : options_.renew_every / 4);
    if (stop_->reason() != StopReason::kNone) return;
    renewed =
        Write(ctx.WithBudget(std::min<std::chrono::milliseconds>(kWriteBudget, options_.span)),
              false)
            .ok();
  }
}

Status Lease::Check() const {
  const std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() < until_) return Ok();
  Status lost =
      Lost(options_.backup, fmt::format("its marker on the store could not be renewed for {} s",
                                        std::chrono::duration<double>(options_.span).count()));
  return last_error_.ok() ? lost : std::move(lost).WithCause(last_error_);
}

Result<std::chrono::milliseconds> Lease::Confirm(const OpContext& ctx) {
  RETURN_IF_ERROR(Check());
  ASSIGN_OR_RETURN(const bool deleting, store_.Exists(ctx, deleting_));
  if (deleting) return Lost(options_.backup, "it is being removed as one that was abandoned");
  RETURN_IF_ERROR(Check());
  const std::lock_guard lock(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(until_ -
                                                               std::chrono::steady_clock::now());
}

Status Lease::End(const OpContext& ctx) {
  stop_->RequestStop(StopReason::kCancelled);
  if (thread_.joinable()) thread_.join();  // a renewal would write it again
  return store_.Remove(ctx, marker_);
}

}  // namespace dbagent::backup
