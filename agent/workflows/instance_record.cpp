#include "agent/workflows/instance_record.h"

#include <charconv>
#include <map>

#include "agent/os/files.h"
#include "agent/workflows/context.h"

namespace dbagent::workflows {
namespace {
os::Path FileOf(const os::Volume& volume) {
  return volume.agent() / "instance";
}
}  // namespace

Status WriteInstanceRecord(const os::Volume& volume, const InstanceRecord& record) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(record.prepared.time_since_epoch()).count();
  return os::WriteFileAtomic(
      FileOf(volume),
      fmt::format("id={}\ndatastore={}\nproduct={}\nversion={}\nprepared={}\nagent_user={}\n",
                  record.id, record.datastore, record.product, record.version, seconds,
                  record.agent_user),
      0600);
}

Result<std::optional<InstanceRecord>> ReadInstanceRecord(const os::Volume& volume) {
  ASSIGN_OR_RETURN(const bool exists, os::Exists(FileOf(volume)));
  if (!exists) return std::optional<InstanceRecord>();
  ASSIGN_OR_RETURN(const std::string text, os::ReadFile(FileOf(volume), 64U << 10U));
  std::map<std::string, std::string, std::less<>> fields;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      fields[line.substr(0, equals)] = line.substr(equals + 1);
    at = end + 1;
  }
  std::int64_t seconds = 0;
  const std::string& prepared = fields["prepared"];
  const auto [end, error] =
      std::from_chars(prepared.data(), prepared.data() + prepared.size(), seconds);
  if (fields["id"].empty() || fields["datastore"].empty() || error != std::errc()) {
    return Error(Code::kDataLoss, "INSTANCE_RECORD_CORRUPT",
                 "unable to read the instance's record '{}': a field is missing",
                 FileOf(volume).native())
        .WithHint(
            "it holds lines id=, datastore=, product=, version=, prepared= (Unix seconds), "
            "agent_user=; "
            "the databases are not touched");
  }
  return std::optional<InstanceRecord>({fields["id"], fields["datastore"], fields["product"],
                                        fields["version"], WallTime(std::chrono::seconds(seconds)),
                                        fields["agent_user"]});
}

Status RequirePrepared(const os::Volume& volume) {
  ASSIGN_OR_RETURN(const std::optional<InstanceRecord> record, ReadInstanceRecord(volume));
  if (record) return Ok();
  return Error(Code::kFailedPrecondition, "NOT_PREPARED", "the instance is not prepared")
      .WithHint("call Prepare first (`dbagentctl instance prepare`)");
}

}  // namespace dbagent::workflows
