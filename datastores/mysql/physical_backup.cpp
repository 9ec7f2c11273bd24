#include <algorithm>
#include <array>

#include "agent/base/kill_point.h"
#include "agent/stream/fd_stream.h"
#include "agent/stream/tool_stream.h"
#include "datastores/current_generation.h"
#include "datastores/mysql/data_files.h"
#include "datastores/mysql/file_copy.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/table_check.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::size_t kMostNamed = 20;
constexpr std::chrono::minutes kEndBudget{2}, kRemoveBudget{10};
constexpr const char* kProduct = "product";
constexpr const char* kVersion = "version";

class Physical : public PhysicalBackup {
 public:
  Physical(Server& server, const DatastoreInfo& info) : server_(server), info_(info) {}

  Result<std::uint64_t> EstimateBytes(const OpContext& ctx) override;
  Result<PhysicalFacts> Take(const OpContext& ctx, ArchiveWriter& archives) override;
  Status CleanUp(const OpContext& ctx) override;
  Status Unpack(const OpContext& ctx, const UnpackSpec& spec, stream::Source& source) override;
  Status Complete(const OpContext& ctx, const UnpackSpec& spec) override;
  Status Settle(const OpContext& ctx) override { return CheckTables(server_, ctx); }

 private:
  Status Copy(const OpContext& ctx, ArchiveWriter& archives, PhysicalFacts& facts);
  Status CheckContinues(const UnpackSpec& spec) const;
  Status RemoveStaging(const OpContext& ctx);
  Result<bool> IsStaged(const OpContext& ctx, const os::Generation& generation);

  Server& server_;
  const DatastoreInfo info_;
};

Result<std::uint64_t> Physical::EstimateBytes(const OpContext& ctx) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(const os::Generation current, CurrentGeneration(server_.settings.volume));
  ASSIGN_OR_RETURN(const DataFiles files, ReadDataFiles(server_, ctx, current));
  return files.bytes;
}

Status Physical::Copy(const OpContext& ctx, ArchiveWriter& archives, PhysicalFacts& facts) {
  ASSIGN_OR_RETURN(const Rows version,
                   Query(server_, ctx, "ask for the server's version", "SELECT VERSION()"));
  facts.server_version = TextOf(version.front()[0]);
  facts.notes[kProduct] = info_.product;
  facts.notes[kVersion] =
      facts.server_version.substr(0, facts.server_version.find_first_not_of("0123456789."));
  ASSIGN_OR_RETURN(const os::Generation current, CurrentGeneration(server_.settings.volume));
  return server_.dialect.mariadb() ? CopyByMariadbBackup(server_, ctx, current, archives, facts)
                                   : CopyByClone(server_, ctx, current, archives, facts);
}

Result<PhysicalFacts> Physical::Take(const OpContext& ctx, ArchiveWriter& archives) {
  RETURN_IF_ERROR(CleanUp(ctx));
  PhysicalFacts facts;
  Status copied = Copy(ctx, archives, facts);
  const Status removed = RemoveStaging(ctx.ForCleanup(kRemoveBudget));
  if (copied.ok()) RETURN_IF_ERROR(removed);
  if (!removed.ok()) return std::move(copied).WithCause(removed);
  if (!copied.ok()) return copied;
  KillPoint("mysql.backup.staging_removed");
  return facts;
}

Status Physical::CleanUp(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> number,
                   server_.settings.volume.CurrentNumber());
  if (!number) return Ok();
  ASSIGN_OR_RETURN(const bool staged, IsStaged(ctx, server_.settings.volume.generation(*number)));
  if (!staged) return Ok();
  if (!server_.dialect.mariadb() &&
      server_.host.ServerState().process == os::ServerProcess::kRunning)
    RETURN_IF_ERROR(EndClones(server_, ctx.WithBudget(kEndBudget)));
  return RemoveStaging(ctx.WithBudget(kRemoveBudget));
}

Result<bool> Physical::IsStaged(const OpContext& ctx, const os::Generation& generation) {
  bool staged = false;
  RETURN_IF_ERROR(ForEachFile(ctx, server_.host,
                              {kListTemporaryTool, GenerationParameter(generation), -1, -1, {}},
                              [&staged](const ListedFile& file) {
                                staged = staged || file.name == kStagingName;
                                return Ok();
                              }));
  return staged;
}

Status Physical::RemoveStaging(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const os::Generation current, CurrentGeneration(server_.settings.volume));
  return RunOn(server_, ctx, kRemoveStagingTool, current);
}

Status Physical::CheckContinues(const UnpackSpec& spec) const {
  const auto product = spec.notes.find(kProduct), version = spec.notes.find(kVersion);
  if (product == spec.notes.end() || version == spec.notes.end())
    return Error(Code::kDataLoss, "ARCHIVE_CORRUPT", "the backup does not say what it is of");
  const auto theirs = VersionNumbers(version->second), ours = VersionNumbers(info_.version);
  const bool series = theirs[0] == ours[0] && theirs[1] == ours[1];
  if (product->second == info_.product && series && theirs[2] <= ours[2]) return Ok();
  const bool newer = product->second == info_.product && series;
  return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
               "the backup is of {} {}, here is {} {}", product->second, version->second,
               info_.product, info_.version)
      .WithHint(newer ? "install that version or a later one of its series, and restart the agent"
                      : "restore it where a server of that series is installed, or use a logical "
                        "backup");
}

Status Physical::Unpack(const OpContext& ctx, const UnpackSpec& spec, stream::Source& source) {
  RETURN_IF_ERROR(CheckContinues(spec));
  const std::string expected = server_.dialect.mariadb() ? kMariaDbArchive : kMySqlArchive;
  if (spec.archive != expected) {
    return Error(Code::kDataLoss, "ARCHIVE_REFUSED", "no archive of {} is called '{}'",
                 info_.product, spec.archive);
  }
  return stream::FeedMarkedExtract(
      ctx, server_.host, {kExtractTool, GenerationParameter(spec.generation), -1, -1, {}}, source);
}

Status Physical::Complete(const OpContext& ctx, const UnpackSpec& spec) {
  RETURN_IF_ERROR(CheckContinues(spec));
  ASSIGN_OR_RETURN(const DataFiles files, ReadDataFiles(server_, ctx, spec.generation));
  // Take refuses servers that have them
  for (const std::vector<std::string>* found : {&files.links, &files.option_files}) {
    if (found->empty()) continue;
    return Error(Code::kDataLoss, "ARCHIVE_REFUSED",
                 "the backup holds files that lead out of the data directory or configure the "
                 "server: {}",
                 Listed(*found))
        .WithHint("the backup was made or altered by something that is not this agent");
  }
  RETURN_IF_ERROR(server_.dialect.mariadb() ? ApplyLog(server_, ctx, spec)
                                            : PrepareClone(server_, ctx, spec));
  KillPoint("mysql.restore.adopting");
  // What the server cannot start on shows here, while the other one still runs.
  RETURN_IF_ERROR(Adopt(server_, ctx, spec.generation, "the first start on the restored files"));
  return server_.dialect.mariadb() ? Ok() : TidyClone(server_, ctx, spec);
}

}  // namespace

std::string Listed(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i)
    list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMostNamed) list += fmt::format(" and {} more", names.size() - kMostNamed);
  return list;
}

std::vector<std::string> TableNames(const Rows& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows)
    names.push_back(fmt::format("{}.{} ({})", TextOf(row[0]), TextOf(row[1]), TextOf(row[2])));
  return names;
}

Status Unsupported(std::string_view what, const std::vector<std::string>& list,
                   std::string_view hint) {
  return Error(Code::kFailedPrecondition, "BACKUP_UNSUPPORTED",
               "unable to copy the server's files: {}: {}", what, Listed(list))
      .WithHint(std::string(hint));
}

Status PutFile(Server& server, const OpContext& ctx, const char* tool,
               const os::Generation& generation, std::string_view content) {
  stream::TextSource source(content);
  return stream::FeedExtract(ctx, server.host, {tool, GenerationParameter(generation), -1, -1, {}},
                             source);
}

Status RunOn(Server& server, const OpContext& ctx, const char* tool,
             const os::Generation& generation, std::map<std::string, std::string> parameters) {
  parameters.merge(GenerationParameter(generation));
  ASSIGN_OR_RETURN(const auto child, server.host.RunTool({tool, parameters, -1, -1, {}}));
  return os::WaitForSuccess(ctx, *child, tool);
}

std::unique_ptr<PhysicalBackup> MakePhysicalBackup(Server& server, const DatastoreInfo& info) {
  return std::make_unique<Physical>(server, info);
}

}  // namespace dbagent::datastore::mysql
