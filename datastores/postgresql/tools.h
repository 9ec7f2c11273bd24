#pragma once

#include "datastores/datastore.h"

// The programs that the host runs for this driver, by name. Threads: any.
namespace dbagent::datastore::postgresql {

inline constexpr const char* kInitdb = "initdb";
inline constexpr const char* kSingleUser = "postgres-single";
inline constexpr const char* kTryStart = "postgres-try";
inline constexpr const char* kDump = "pg_dump";
inline constexpr const char* kPsql = "psql";
inline constexpr const char* kExtractData = "extract-data";
inline constexpr const char* kExtractTablespace = "extract-tablespace";
inline constexpr const char* kPutFile = "put-file";
// Parameter: generation. A start on it in single-user mode with the agent's configuration, stdin:
// statements.
inline constexpr const char* kAdopt = "postgres-adopt";
// Parameter: generation. What is at the top of the data directory and of that of tablespaces, and
// two of the former's files (tool_output.h).
inline constexpr const char* kListData = "list-data";
inline constexpr const char* kListTablespaces = "list-tablespaces";
inline constexpr const char* kReadVersion = "read-version";
inline constexpr const char* kReadTablespaceMap = "read-tablespace-map";
// Of a scratch server. Parameter: generation. Keeps the backup's manifest (stdin) beside the data,
// makes the link to a tablespace (parameter: oid), holds the files against the manifest.
inline constexpr const char* kKeepManifest = "keep-manifest";
inline constexpr const char* kLinkTablespace = "link-tablespace";
inline constexpr const char* kVerifyFiles = "pg_verifybackup";

os::ToolTable MakeTools(const ServerSettings& settings, const DatastoreInfo& info,
                        const os::Path& programs);
// What the server writes to stderr.
os::Path LogFile(const ServerSettings& settings);

}  // namespace dbagent::datastore::postgresql
