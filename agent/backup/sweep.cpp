#include "agent/backup/sweep.h"

#include "agent/backup/json.h"
#include "agent/backup/layout.h"
#include "agent/backup/lease.h"
#include "agent/backup/time.h"
#include "agent/base/kill_point.h"

namespace dbagent::backup {
namespace {

class Sweeper {
 public:
  Sweeper(storage::ObjectStore& store, const std::string& instance, WallTime now)
      : store_(store), repository_(store, instance), instance_(instance), now_(now) {}

  Result<SweepReport> Run(const OpContext& ctx) {
    ASSIGN_OR_RETURN(const std::vector<std::string> folders, repository_.Folders(ctx));
    for (const std::string& backup : folders) {
      const Status looked = LookAt(ctx, backup);
      RETURN_IF_ERROR(ctx.Poll());
      if (!looked.ok()) report_.failed.emplace_back(backup, looked.FullMessage());
    }
    return std::move(report_);
  }

 private:
  enum class Marker : char { kNone, kLives, kExpired };

  Status LookAt(const OpContext& ctx, const std::string& backup) {
    ASSIGN_OR_RETURN(const bool exists, repository_.Exists(ctx, backup));
    if (exists) return Ok();
    const std::string deleting = repository_.Folder(backup) + kDeletingName;
    ASSIGN_OR_RETURN(const bool deletion_was_cut, store_.Exists(ctx, deleting));
    if (deletion_was_cut) return Remove(ctx, backup);
    ASSIGN_OR_RETURN(const Marker marker, ReadMarker(ctx, backup));
    if (marker == Marker::kNone) return Adopt(ctx, backup);
    if (marker == Marker::kLives) {
      report_.waiting.push_back(backup);
      return Ok();
    }
    // Marked first, then looked at once more: a backup that comes back to life now sees the mark
    // before its manifest, or right after it.
    Status marked = store_.Put(ctx, deleting, AsBytes("{}\n"));
    if (!marked.ok() && marked.reason() != "OBJECT_EXISTS" && marked.reason() != "NO_SPACE")
      return marked;  // a store without room is swept above all
    KillPoint("backup.sweep.marked");
    ASSIGN_OR_RETURN(const bool finished, repository_.Exists(ctx, backup));
    ASSIGN_OR_RETURN(const Marker again, ReadMarker(ctx, backup));
    if (!finished && again == Marker::kExpired) return Remove(ctx, backup);
    report_.waiting.push_back(backup);
    return store_.Remove(ctx, deleting);
  }

  Status Remove(const OpContext& ctx, const std::string& backup) {
    ASSIGN_OR_RETURN(const Removed removed, repository_.Remove(ctx, backup));
    report_.removed.push_back({backup, removed});
    KillPoint("backup.sweep.removed");
    return Ok();
  }

  // One that cannot be read says nothing.
  Result<Marker> ReadMarker(const OpContext& ctx, const std::string& backup) {
    const std::string object = repository_.Folder(backup) + kInProgressName;
    const Result<std::vector<std::byte>> content = store_.Get(ctx, object, kLargestMarkerBytes);
    if (!content.ok()) {
      const std::string& reason = content.status().reason();
      if (reason == "OBJECT_NOT_FOUND" || reason == "OBJECT_TOO_LARGE") return Marker::kNone;
      return content.status();
    }
    internal::InProgress marker;
    if (!FromJson(AsText(*content), object, marker).ok() || !marker.has_lease_until())
      return Marker::kNone;
    return ReadTime(marker.lease_until()) + kClockMargin < now_ ? Marker::kExpired : Marker::kLives;
  }

  // Objects that nothing tells about: a removal whose mark and journal are both lost, or a marker
  // that a lagging store does not show yet. They get a lease as if they were in progress, which a
  // living owner writes over with its own; when it has run out nobody wanted them.
  Status Adopt(const OpContext& ctx, const std::string& backup) {
    internal::InProgress marker;
    marker.set_backup_id(backup);
    marker.set_instance_id(instance_);
    marker.set_agent(AgentLife());
    marker.set_found_by_sweep(true);
    SetTime(now_, *marker.mutable_start_time());
    SetTime(now_ + kLease, *marker.mutable_lease_until());
    ASSIGN_OR_RETURN(const std::string json, ToJson(marker));
    RETURN_IF_ERROR(
        store_.Replace(ctx, repository_.Folder(backup) + kInProgressName, AsBytes(json)));
    KillPoint("backup.sweep.adopted");
    report_.waiting.push_back(backup);
    return Ok();
  }

  storage::ObjectStore& store_;
  Repository repository_;
  const std::string instance_;
  const WallTime now_;
  SweepReport report_;
};

}  // namespace

std::uint64_t SweepReport::bytes() const {
  std::uint64_t sum = 0;
  for (const SweptFolder& folder : removed) sum += folder.removed.bytes;
  return sum;
}

Result<SweepReport> Sweep(const OpContext& ctx, storage::ObjectStore& store,
                          const std::string& instance, WallTime now) {
  return Sweeper(store, instance, now).Run(ctx);
}

}  // namespace dbagent::backup
