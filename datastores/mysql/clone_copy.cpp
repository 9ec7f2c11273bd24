#include "agent/base/kill_point.h"
#include "agent/base/pause.h"
#include "agent/stream/tool_stream.h"
#include "datastores/current_generation.h"
#include "datastores/mysql/data_files.h"
#include "datastores/mysql/file_copy.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::chrono::milliseconds kPollPause(50);
constexpr std::chrono::minutes kEndBudget{2};
constexpr unsigned kNoSuchThread = 1094;
// Beside the files: what grows while they are copied, the log.
constexpr std::uint64_t kSpareRoom = 128ULL << 20U;
constexpr std::string_view kStatement = "CLONE LOCAL DATA DIRECTORY";

// CLONE leaves other engines' tables out, or empty. The log tables, which are CSV, begin anew.
constexpr const char* kForeignTables =
    "SELECT table_schema, table_name, engine FROM information_schema.tables WHERE engine <> "
    "'InnoDB' AND table_schema NOT IN ('performance_schema', 'information_schema') AND NOT "
    "(table_schema = 'mysql' AND table_name IN ('general_log', 'slow_log')) ORDER BY 1, 2";
// Tablespaces with an absolute path: a clone on the same machine would write over them.
constexpr const char* kForeignTablespaces =
    "SELECT file_name FROM information_schema.files WHERE file_name NOT LIKE './%' ORDER BY 1";
// Their key is not in the data directory.
constexpr const char* kEncrypted =
    "SELECT name FROM information_schema.innodb_tablespaces WHERE encryption = 'Y' ORDER BY 1";

Result<std::vector<std::string>> Names(Server& server, const OpContext& ctx, std::string_view what,
                                       const char* sql) {
  ASSIGN_OR_RETURN(const Rows rows, Query(server, ctx, what, sql));
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(TextOf(row[0]));
  return names;
}

Status CheckSupported(Server& server, const OpContext& ctx) {
  ASSIGN_OR_RETURN(const Rows tables, Query(server, ctx, "list tables by engine", kForeignTables));
  if (!tables.empty()) {
    return Unsupported("MySQL can copy InnoDB tables only", TableNames(tables),
                       "ALTER TABLE … ENGINE = InnoDB, or take logical backups");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> outside,
                   Names(server, ctx, "list tablespaces", kForeignTablespaces));
  if (!outside.empty()) {
    return Unsupported("these tablespaces do not lie in their own place in the data directory",
                       outside, "make them anew without a directory, or take logical backups");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> encrypted,
                   Names(server, ctx, "list encrypted tablespaces", kEncrypted));
  if (encrypted.empty()) return Ok();
  return Unsupported("these tablespaces are encrypted with a key that the backup would not hold",
                     encrypted, "take logical backups");
}

Status CheckRoom(Server& server, const OpContext& ctx, const os::Generation& current) {
  ASSIGN_OR_RETURN(const DataFiles files, ReadDataFiles(server, ctx, current));
  const std::uint64_t needed = files.bytes + kSpareRoom;
  ASSIGN_OR_RETURN(const std::uint64_t free, os::FreeBytes(server.settings.volume.root()));
  if (free >= needed) return Ok();
  return Error(Code::kResourceExhausted, "NO_SPACE",
               "unable to copy the server's files: MySQL copies them beside themselves first, for "
               "which {} bytes are needed; the volume has {}",
               needed, free)
      .WithHint("make the volume larger, or take logical backups");
}

Status LoadPlugin(Server& server, const OpContext& ctx) {
  constexpr const char* kActive =
      "SELECT plugin_name FROM information_schema.plugins WHERE plugin_name = 'clone' AND "
      "plugin_status = 'ACTIVE'";
  ASSIGN_OR_RETURN(const Rows active, Query(server, ctx, "look for the clone plugin", kActive));
  if (!active.empty()) return Ok();
  const Status loaded =
      Execute(server, ctx, "load the clone plugin", "INSTALL PLUGIN clone SONAME 'mysql_clone.so'");
  if (loaded.ok() || ServerErrno(loaded) == 0) return loaded;
  return Error(Code::kFailedPrecondition, "BACKUP_UNSUPPORTED",
               "unable to copy the server's files: this needs the server's clone plugin")
      .WithCause(loaded)
      .WithHint("install the package that has mysql_clone.so, or take logical backups");
}

Result<std::vector<std::string>> CloneSessions(Connection& connection, const OpContext& ctx) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, "list sessions", "SHOW PROCESSLIST"));
  std::vector<std::string> ids;
  for (const Row& row : rows) {
    if (TextOf(row[7]).starts_with(kStatement)) ids.push_back(TextOf(row[0]));
  }
  return ids;
}

}  // namespace

Status CopyByClone(Server& server, const OpContext& ctx, const os::Generation& current,
                   ArchiveWriter& archives, PhysicalFacts& facts) {
  RETURN_IF_ERROR(CheckSupported(server, ctx));
  RETURN_IF_ERROR(CheckRoom(server, ctx, current));
  RETURN_IF_ERROR(LoadPlugin(server, ctx));
  RETURN_IF_ERROR(RunOn(server, ctx, kMakeStagingTool, current));
  KillPoint("mysql.backup.staging_made");
  ctx.Say("the server copies its files beside themselves");
  const os::Path clone = current.tmp / kStagingName / "clone";  // the statement makes it
  const Status cloned = Execute(server, ctx, "copy the server's files",
                                fmt::format("{} = {}", kStatement, QuoteLiteral(clone.native())));
  if (!cloned.ok()) {
    const Status ended = EndClones(server, ctx.ForCleanup(kEndBudget));
    // a server that is gone copies no more
    if (!ended.ok() && ended.reason() != "SERVER_UNAVAILABLE")
      return Status(cloned).WithCause(ended);
    return cloned;
  }
  KillPoint("mysql.backup.cloned");
  RETURN_IF_ERROR(CheckSupported(server, ctx));  // nor may one have come meanwhile
  ASSIGN_OR_RETURN(stream::Sink* const sink, archives.Begin(ctx, kMySqlArchive));
  RETURN_IF_ERROR(stream::DrainTool(ctx, server.host,
                                    {kPackTool, GenerationParameter(current), -1, -1, {}}, *sink));
  KillPoint("mysql.backup.streamed");
  facts.tool = "CLONE " + facts.server_version;
  return Ok();
}

Status EndClones(Server& server, const OpContext& ctx) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<std::string> ids, CloneSessions(*connection, ctx));
    if (ids.empty()) return Ok();
    for (const std::string& id : ids) {
      const Status killed = connection->Execute(ctx, "end a clone", "KILL CONNECTION " + id);
      if (!killed.ok() && ServerErrno(killed) != kNoSuchThread) return killed;
    }
    RETURN_IF_ERROR(ctx.Poll());
    Pause(ctx, kPollPause);
  }
}

// Of #clone, the clone's own files are not used: some name files that the server is to rename and
// remove.
Status PrepareClone(Server& server, const OpContext& ctx, const UnpackSpec& spec) {
  return PutFile(server, ctx, kPutCloneStatusTool, spec.generation, "");
}

Status TidyClone(Server& server, const OpContext& ctx, const UnpackSpec& spec) {
  return RunOn(server, ctx, kTidyTool, spec.generation);
}

}  // namespace dbagent::datastore::mysql
