#include "agent/workflows/backup_metrics.h"

#include <set>

#include "agent/backup/layout.h"
#include "agent/telemetry/log.h"
#include "agent/telemetry/metrics.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::size_t kLookedAt = 100;  // newest operations of a kind

double SecondsOf(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + static_cast<double>(time.nanos()) / 1e9;
}

void Tell(const v1::Backup& backup) {
  telemetry::Metrics& metrics = telemetry::metrics();
  metrics.backup_time.Set(SecondsOf(backup.end_time()), {backup.method()});
  metrics.backup_seconds.Set(backup.seconds(), {backup.method()});
  metrics.backup_source.Set(static_cast<double>(backup.source_bytes()), {backup.method()});
  metrics.backup_stored.Set(static_cast<double>(backup.stored_bytes()), {backup.method()});
}

}  // namespace

void TellBackupMade(const internal::Manifest& manifest, operations::Running& running) {
  v1::Backup made = ToProto(manifest, "");
  made.clear_streams();  // names of databases, and as long as there are
  running.SetResult(Serialise(made));
  Tell(made);
}

void TellEarlierBackups(operations::Operations& operations) {
  std::map<std::string, v1::Backup> newest;  // by method
  for (const char* kind : {"backup.create", "backup.create_verified"}) {
    // of one that failed in its verification the backup is there
    const auto records =
        operations.List({.states = {operations::State::kSucceeded, operations::State::kFailed},
                         .kind = kind,
                         .limit = kLookedAt});
    if (!records.ok()) {
      telemetry::LogError("backup.history_unreadable",
                          "when the last backup was made cannot be told in the metrics",
                          records.status());
      return;
    }
    for (const operations::Record& record : *records) {
      if (record.result.empty()) continue;
      Result<v1::Backup> made = Parse<v1::Backup>(record.result);
      if (!made.ok()) continue;
      v1::Backup& kept = newest[made->method()];
      if (SecondsOf(made->end_time()) > SecondsOf(kept.end_time())) kept = *std::move(made);
    }
  }
  for (const auto& [method, backup] : newest) Tell(backup);
}

void TellVerification(const internal::Verification& found, bool well) {
  const std::string level = found.level().empty() ? "chunks" : found.level();
  telemetry::metrics().verify_time.Set(SecondsOf(found.end_time()), {level});
  telemetry::metrics().verify_ok.Set(well ? 1 : 0, {level});
}

}  // namespace dbagent::workflows
