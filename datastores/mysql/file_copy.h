#pragma once

#include "datastores/mysql/server.h"

// How each product's files are copied while the server runs, and made usable again. The staging
// directory is there only while a backup is taken.
namespace dbagent::datastore::mysql {

inline constexpr const char* kMariaDbArchive = "server.mbstream";
inline constexpr const char* kMySqlArchive = "server.tar";

// `BACKUP_UNSUPPORTED`, what for, and the list.
Status Unsupported(std::string_view what, const std::vector<std::string>& list,
                   std::string_view hint);
// The first of them, for people.
std::string Listed(const std::vector<std::string>& names);
// `shop.t (MyISAM)` of rows (schema, table, engine).
std::vector<std::string> TableNames(const Rows& rows);

// MariaDB: mariadb-backup streams. BACKUP_UNSUPPORTED, TOOL_FAILED, REDO_LOG_OVERRUN.
Status CopyByMariadbBackup(Server& server, const OpContext& ctx, const os::Generation& current,
                           ArchiveWriter& archives, PhysicalFacts& facts);
// Applies the log that the stream holds. `notes` are those of CopyByMariadbBackup.
Status ApplyLog(Server& server, const OpContext& ctx, const UnpackSpec& spec);

// MySQL: CLONE LOCAL into staging, which then is streamed. BACKUP_UNSUPPORTED, NO_SPACE.
Status CopyByClone(Server& server, const OpContext& ctx, const os::Generation& current,
                   ArchiveWriter& archives, PhysicalFacts& facts);
// Ends clones that an agent that is gone began, so that nobody writes into staging any more.
Status EndClones(Server& server, const OpContext& ctx);
// Before the first start, so that the server makes what a clone lacks (directories of databases
// without tables, its log tables); and what that leaves, after it.
Status PrepareClone(Server& server, const OpContext& ctx, const UnpackSpec& spec);
Status TidyClone(Server& server, const OpContext& ctx, const UnpackSpec& spec);

// `content` becomes the tool's file.
Status PutFile(Server& server, const OpContext& ctx, const char* tool,
               const os::Generation& generation, std::string_view content);
// Runs a tool of the table on a generation, to its end.
Status RunOn(Server& server, const OpContext& ctx, const char* tool,
             const os::Generation& generation, std::map<std::string, std::string> parameters = {});

}  // namespace dbagent::datastore::mysql
