#include "agent/base/kill_point.h"
#include "agent/stream/tool_stream.h"
#include "datastores/current_generation.h"
#include "datastores/mysql/data_files.h"
#include "datastores/mysql/file_copy.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::chrono::minutes kLookBudget{5};
// The one that every server has which the agent configured.
constexpr std::string_view kSystemTablespace = "ibdata1:12M:autoextend";
constexpr const char* kPageSize = "innodb_page_size";
constexpr const char* kUndoTablespaces = "innodb_undo_tablespaces";

// Engines whose files mariadb-backup copies, and those that have no data here.
constexpr const char* kForeignTables =
    "SELECT table_schema, table_name, engine FROM information_schema.tables WHERE engine NOT IN "
    "('InnoDB', 'Aria', 'MyISAM', 'MRG_MyISAM', 'CSV', 'ARCHIVE', 'MEMORY', 'BLACKHOLE', "
    "'FEDERATED', 'PERFORMANCE_SCHEMA', 'SEQUENCE') ORDER BY 1, 2";
// What reads and writes InnoDB's pages beside InnoDB: mariadb-backup would need it again when it
// applies the log.
constexpr const char* kPagePlugins =
    "SELECT plugin_name FROM information_schema.plugins WHERE plugin_status = 'ACTIVE' AND "
    "(plugin_type = 'ENCRYPTION' OR plugin_name LIKE 'provider\\_%')";

Status CheckSupported(Server& server, const OpContext& ctx, const os::Generation& current,
                      PhysicalFacts& facts) {
  ASSIGN_OR_RETURN(
      const Rows settings,
      Query(server, ctx, "ask for InnoDB's settings",
            "SELECT @@innodb_page_size, @@innodb_undo_tablespaces, @@innodb_data_file_path"));
  const Row& row = settings.front();
  facts.notes[kPageSize] = TextOf(row[0]);
  facts.notes[kUndoTablespaces] = TextOf(row[1]);
  if (TextOf(row[2]) != kSystemTablespace) {
    return Unsupported("InnoDB's system tablespace is not the one that the agent configures",
                       {TextOf(row[2])}, "take logical backups");
  }
  ASSIGN_OR_RETURN(const Rows tables, Query(server, ctx, "list tables by engine", kForeignTables));
  if (!tables.empty()) {
    return Unsupported("tables of these engines cannot be copied while the server runs",
                       TableNames(tables), "change their engine, or take logical backups");
  }
  ASSIGN_OR_RETURN(const Rows plugins, Query(server, ctx, "list plugins", kPagePlugins));
  std::vector<std::string> names;
  for (const Row& plugin : plugins) names.push_back(TextOf(plugin[0]));
  if (!names.empty()) {
    return Unsupported("what these plugins encrypt or compress could not be restored", names,
                       "take logical backups");
  }
  ASSIGN_OR_RETURN(const DataFiles files, ReadDataFiles(server, ctx, current));
  if (!files.links.empty()) {
    return Unsupported("these files of tables with a DATA DIRECTORY lie outside the data directory",
                       files.links, "make the tables anew without it, or take logical backups");
  }
  return Ok();
}

// A tool that is not there, and a redo log that was overwritten before it was copied, in words that
// help.
Status Explained(Status copied) {
  if (copied.reason() == "PROGRAM_NOT_FOUND")
    return std::move(copied).WithHint("install the package mariadb-backup");
  if (copied.reason() != "TOOL_FAILED" ||
      copied.message().find("innodb_log_file_size") == std::string::npos)
    return copied;
  return Error(Code::kAborted, "REDO_LOG_OVERRUN",
               "unable to copy the redo log: the server wrote more than innodb_log_file_size of it "
               "before the store had taken what came earlier")
      .WithCause(copied)
      .WithHint(
          "take the backup when less is written or to a faster store, or make the log larger: SET "
          "GLOBAL innodb_log_file_size (MariaDB 10.9 and later), an instance with more memory");
}

// Nothing from an archive's notes goes into a command line unlooked at.
Result<std::string> NumberNote(const UnpackSpec& spec, const char* name) {
  const auto found = spec.notes.find(name);
  if (found != spec.notes.end() && !found->second.empty() && found->second.size() < 6 &&
      found->second.find_first_not_of("0123456789") == std::string::npos)
    return found->second;
  return Error(Code::kDataLoss, "ARCHIVE_CORRUPT", "the backup does not say its {}", name);
}

}  // namespace

Status CopyByMariadbBackup(Server& server, const OpContext& ctx, const os::Generation& current,
                           ArchiveWriter& archives, PhysicalFacts& facts) {
  // not stopped, only bounded: information_schema's tables are temporary ones, which MariaDB 10.11
  // may crash on when their session is killed
  RETURN_IF_ERROR(CheckSupported(server, ctx.ForCleanup(kLookBudget), current, facts));
  // an instance that was made in direct mode has not got it yet
  for (const std::string& statement : server.dialect.BackupAccountStatements(server.settings))
    RETURN_IF_ERROR(Execute(server, ctx, "make the account of the backup tool", statement));
  RETURN_IF_ERROR(RunOn(server, ctx, kMakeStagingTool, current));
  KillPoint("mysql.backup.staging_made");
  ASSIGN_OR_RETURN(stream::Sink* const sink, archives.Begin(ctx, kMariaDbArchive));
  RETURN_IF_ERROR(Explained(stream::DrainTool(
      ctx, server.host, {kMariadbBackupTool, GenerationParameter(current), -1, -1, {}}, *sink)));
  KillPoint("mysql.backup.streamed");
  facts.tool = "mariadb-backup " + facts.server_version;
  return Ok();
}

Status ApplyLog(Server& server, const OpContext& ctx, const UnpackSpec& spec) {
  ASSIGN_OR_RETURN(const std::string page_size, NumberNote(spec, kPageSize));
  ASSIGN_OR_RETURN(const std::string undo_tablespaces, NumberNote(spec, kUndoTablespaces));
  // the tool wants one and takes plugins to load from it; the archive's was left out
  RETURN_IF_ERROR(PutFile(server, ctx, kPutBackupOptionsTool, spec.generation, "[mysqld]\n"));
  KillPoint("mysql.restore.applying_log");
  RETURN_IF_ERROR(
      Explained(RunOn(server, ctx, kApplyLogTool, spec.generation,
                      {{"page_size", page_size}, {"undo_tablespaces", undo_tablespaces}})));
  KillPoint("mysql.restore.log_applied");
  return RunOn(server, ctx, kTidyTool, spec.generation);
}

}  // namespace dbagent::datastore::mysql
