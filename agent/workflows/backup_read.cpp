// Read of BackupService.
#include <algorithm>

#include "agent/workflows/backup_reading.h"
#include "agent/workflows/backups.h"

namespace dbagent::workflows {
namespace {

constexpr int kMostNamed = 20;

Status NoStream(const internal::Manifest& manifest, const std::string& name) {
  std::string names;
  for (int i = 0; i < std::min(manifest.streams_size(), kMostNamed); ++i)
    names += (i == 0 ? "" : ", ") + manifest.streams(i).name();
  if (manifest.streams_size() > kMostNamed) names += ", …";
  return Error(Code::kNotFound, "STREAM_NOT_FOUND", "backup '{}' has no stream '{}'", manifest.id(),
               name)
      .WithHint("it has: " + names);
}

}  // namespace

Result<std::unique_ptr<BackupReading>> Backups::Read(const OpContext& ctx,
                                                     const v1::ReadBackupRequest& request) {
  ASSIGN_OR_RETURN(const Place place, FindFor(request, request.instance_id()));
  ASSIGN_OR_RETURN(const backup::OpenedBackup opened,
                   backup::Repository(*place.store, place.instance).Open(ctx, request.id(), keys_));
  const auto& streams = opened.manifest.streams();
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const auto& stream) {
    return stream.name() == request.stream();
  });
  if (found == streams.end()) return NoStream(opened.manifest, request.stream());
  return std::make_unique<BackupReading>(
      ctx, place.store, reading_budget_,
      backup::StreamSource::What{place.instance, opened, *found});
}

}  // namespace dbagent::workflows
