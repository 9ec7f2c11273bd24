#include "datastores/postgresql/physical_backup.h"

#include <algorithm>
#include <charconv>

#include "agent/base/kill_point.h"
#include "agent/stream/tool_stream.h"
#include "datastores/current_generation.h"
#include "datastores/postgresql/base_backup.h"
#include "datastores/postgresql/tablespace_map.h"
#include "datastores/postgresql/tools.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::postgresql {
namespace {

// What must stay free on the volume while a backup holds log back.
constexpr std::uint64_t kLeastFree = 512ULL << 20U;
constexpr std::chrono::milliseconds kPollPause(100);
constexpr std::size_t kMostNamed = 20;
constexpr std::size_t kLongestVersion = 100, kLongestMap = 16U << 20U;

class Discard : public stream::Sink {
 public:
  Status Write(const OpContext&, Bytes) override { return Ok(); }
};

struct Found {
  bool label = false, map = false;
};

Result<Found> LookFor(const OpContext& ctx, os::InstanceHost& host,
                      const os::Generation& generation) {
  Found found;
  RETURN_IF_ERROR(ForEachFile(ctx, host, {kListData, GenerationParameter(generation), -1, -1, {}},
                              [&found](const ListedFile& file) {
                                found.label = found.label || file.name == "backup_label";
                                found.map = found.map || file.name == "tablespace_map";
                                return Ok();
                              }));
  return found;
}

}  // namespace

Result<std::uint64_t> PostgresPhysicalBackup::EstimateBytes(const OpContext& ctx) {
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  ASSIGN_OR_RETURN(
      const Rows rows,
      session->Query(ctx, "SELECT sum(pg_tablespace_size(oid))::bigint FROM pg_tablespace"));
  const std::string text = rows.Text(0, 0);
  std::uint64_t bytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), bytes);
  return bytes;
}

Result<PhysicalFacts> PostgresPhysicalBackup::Take(const OpContext& ctx, ArchiveWriter& archives) {
  PhysicalFacts facts;
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(const Rows rows,
                     session->Query(ctx,
                                    "SELECT current_setting('server_version'), system_identifier "
                                    "FROM pg_control_system()"));
    facts.server_version = rows.Text(0, 0);
    facts.notes["system_identifier"] = rows.Text(0, 1);
  }
  facts.tool = "BASE_BACKUP " + facts.server_version;
  facts.notes["major"] = std::to_string(server_.info.major);
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> session,
                   server_.pool.ConnectForReplication(ctx));
  const auto room = [&]() -> Status {
    ASSIGN_OR_RETURN(const std::uint64_t free, os::FreeBytes(server_.settings.volume.root()));
    if (free >= kLeastFree) return Ok();
    return Error(Code::kResourceExhausted, "NO_SPACE",
                 "unable to go on: the volume has {} bytes left, and the server's log grows while "
                 "the backup runs",
                 free)
        .WithHint("make the volume larger, or take the backup when less is written");
  };
  RETURN_IF_ERROR(room());
  BaseBackup backup(*session, archives, room);
  ASSIGN_OR_RETURN(const BaseBackupFacts said, backup.Take(ctx));
  facts.notes["start_lsn"] = said.start_lsn;
  facts.notes["end_lsn"] = said.end_lsn;
  facts.notes["timeline"] = said.timeline;
  return facts;
}

Status PostgresPhysicalBackup::Unpack(const OpContext& ctx, const UnpackSpec& spec,
                                      stream::Source& source) {
  std::map<std::string, std::string> parameters = GenerationParameter(spec.generation);
  if (spec.archive == "base.tar") {
    return stream::FeedMarkedExtract(ctx, server_.host, {kExtractData, parameters, -1, -1, {}},
                                     source);
  }
  if (spec.archive == "backup_manifest") {
    if (server_.settings.scratch)
      return stream::FeedExtract(ctx, server_.host, {kKeepManifest, parameters, -1, -1, {}},
                                 source);
    // for pg_verifybackup; what it would find, our own digests have found
    Discard discard;
    return stream::Pump(ctx, source, discard).status();
  }
  const std::string oid = spec.archive.substr(0, spec.archive.find('.'));
  if (spec.archive != oid + ".tar" || oid.empty() ||
      oid.find_first_not_of("0123456789") != std::string::npos) {
    return Error(Code::kDataLoss, "ARCHIVE_REFUSED", "no archive of PostgreSQL is called '{}'",
                 spec.archive);
  }
  parameters["oid"] = oid;
  return stream::FeedMarkedExtract(ctx, server_.host, {kExtractTablespace, parameters, -1, -1, {}},
                                   source);
}

Status PostgresPhysicalBackup::PutFile(const OpContext& ctx, const os::Generation& generation,
                                       const std::string& name, const std::string& content) {
  std::map<std::string, std::string> parameters = GenerationParameter(generation);
  parameters["name"] = name;
  stream::TextSource source(content);
  return stream::FeedExtract(ctx, server_.host, {kPutFile, parameters, -1, -1, {}}, source);
}

Status PostgresPhysicalBackup::Complete(const OpContext& ctx, const UnpackSpec& spec) {
  const std::map<std::string, std::string> parameters = GenerationParameter(spec.generation);
  ASSIGN_OR_RETURN(
      std::string major,
      ToolText(ctx, server_.host, {kReadVersion, parameters, -1, -1, {}}, kLongestVersion));
  major = major.substr(0, major.find('\n'));
  if (major != std::to_string(server_.info.major)) {
    return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
                 "the backup is of PostgreSQL {}, here is {}", major, server_.info.version)
        .WithHint("restore it where that version is installed, or use a logical backup");
  }
  ASSIGN_OR_RETURN(const Found found, LookFor(ctx, server_.host, spec.generation));
  if (!found.label) {
    return Error(
        Code::kDataLoss, "ARCHIVE_CORRUPT",
        "the backup has no backup_label: without it recovery would begin at a wrong place");
  }
  if (found.map) {
    ASSIGN_OR_RETURN(
        const std::string map,
        ToolText(ctx, server_.host, {kReadTablespaceMap, parameters, -1, -1, {}}, kLongestMap));
    ASSIGN_OR_RETURN(const std::string moved, MoveTablespaces(map, spec.generation.tablespaces));
    RETURN_IF_ERROR(PutFile(ctx, spec.generation, "tablespace_map", moved));
  }
  KillPoint("postgresql.restore.completing");
  return PutFile(ctx, spec.generation, "recovery.signal", "");
}

Status PostgresPhysicalBackup::AwaitEndOfRecovery(const OpContext& ctx) {
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(const Rows rows, session->Query(ctx, "SELECT pg_is_in_recovery()"));
    if (!rows.True(0, 0)) return Ok();
    RETURN_IF_ERROR(session->Run(
        ctx,
        fmt::format("SELECT pg_sleep({})", std::chrono::duration<double>(kPollPause).count())));
  }
}

// Relations whose first file is not there.
Status PostgresPhysicalBackup::CheckFiles(const OpContext& ctx, const std::string& database,
                                          std::vector<std::string>& missing) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> session, server_.pool.Connect(ctx, database));
  ASSIGN_OR_RETURN(
      const Rows rows,
      session->Query(ctx,
                     "SELECT c.oid::regclass::text FROM pg_class c WHERE "
                     "pg_relation_filepath(c.oid) IS NOT NULL AND c.relpersistence <> 't' AND "
                     "(pg_stat_file(pg_relation_filepath(c.oid), true)).size IS NULL"));
  for (std::size_t row = 0; row < rows.size(); ++row)
    missing.push_back(database + ": " + rows.Text(row, 0));
  return Ok();
}

Status PostgresPhysicalBackup::Settle(const OpContext& ctx) {
  RETURN_IF_ERROR(AwaitEndOfRecovery(ctx));
  std::vector<std::string> missing;
  std::vector<std::string> databases;
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(const Rows rows,
                     session->Query(ctx, "SELECT datname FROM pg_database WHERE datallowconn"));
    for (std::size_t row = 0; row < rows.size(); ++row) databases.push_back(rows.Text(row, 0));
  }
  for (const std::string& database : databases) RETURN_IF_ERROR(CheckFiles(ctx, database, missing));
  if (missing.empty()) return Ok();
  std::string list;
  for (std::size_t i = 0; i < std::min(missing.size(), kMostNamed); ++i)
    list += (i == 0 ? "" : ", ") + missing[i];
  return Error(Code::kDataLoss, "DATA_UNREADABLE", "{} tables have no file: {}", missing.size(),
               list);
}

}  // namespace dbagent::datastore::postgresql
