#pragma once

#include "datastores/datastore.h"
#include "datastores/mysql/versions.h"

// Where the server's files are, and the programs that the driver runs.
namespace dbagent::datastore::mysql {

struct Layout {
  explicit Layout(const ServerSettings& settings);

  os::Path prefix;  // with sbin/, bin/ and share/
  os::Path configuration, data, log, socket, pid_file;
  os::Path temporary;  // the server's own: a MariaDB that starts removes temporary tables of every
                       // server that shares the directory, which then crashes
  os::Path first_socket, first_pid_file;  // of a first start, before the server is secure
};

os::ToolTable ToolsOf(const ServerSettings& settings, const Dialect& dialect);

// Names in the tool table.
inline constexpr const char* kInitialiseTool = "initialise";  // parameter: generation
inline constexpr const char* kSecureTool = "secure";  // parameter: generation; stdin: statements
inline constexpr const char* kDumpTool = "dump";      // parameter: database; stdout: SQL
inline constexpr const char* kLoadTool = "load";      // parameter: database; stdin: SQL
// Parameter: generation. Files of a data directory and of the temporary one (tool_output.h).
inline constexpr const char* kListDataTool = "list-data";
inline constexpr const char* kListTemporaryTool = "list-temporary";
// Of physical backups; parameter: generation. What a tool or the server writes while one is taken
// is in the staging directory, in the temporary one. stdout: mbstream; stdout: tar of staging's
// `clone`.
inline constexpr const char* kStagingName = "dbagent-staging";
inline constexpr const char* kMakeStagingTool = "make-staging";
inline constexpr const char* kRemoveStagingTool = "remove-staging";
inline constexpr const char* kMariadbBackupTool = "mariadb-backup";
inline constexpr const char* kPackTool = "pack";
// Parameter: generation. stdin: the archive; stdin: what becomes one file of the data directory.
inline constexpr const char* kExtractTool = "extract";
inline constexpr const char* kPutBackupOptionsTool = "put-backup-options";
inline constexpr const char* kPutCloneStatusTool = "put-clone-status";
// Parameter: generation. mariadb-backup --prepare (parameters: page_size, undo_tablespaces); rm of
// what such tools leave; a start on restored files, stdin: statements.
inline constexpr const char* kApplyLogTool = "apply-log";
inline constexpr const char* kTidyTool = "tidy";
inline constexpr const char* kAdoptTool = "adopt";
// Of the configuration. The server's program reads the files of a set and does not start
// (parameter: set; stderr: its errors); prints its options and their defaults (stdout).
inline constexpr const char* kTryStartTool = "try-start";
inline constexpr const char* kOptionsTool = "options";

}  // namespace dbagent::datastore::mysql
