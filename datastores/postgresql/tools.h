#pragma once

#include "datastores/datastore.h"

// The programs that the host runs for this driver, by name. Threads: any.
namespace dbagent::datastore::postgresql {

inline constexpr const char* kInitdb = "initdb";
inline constexpr const char* kSingleUser = "postgres-single";
inline constexpr const char* kDump = "pg_dump";
inline constexpr const char* kPsql = "psql";
inline constexpr const char* kExtractData = "extract-data";
inline constexpr const char* kExtractTablespace = "extract-tablespace";
inline constexpr const char* kPutFile = "put-file";

os::ToolTable MakeTools(const ServerSettings& settings, const os::Path& programs);

}  // namespace dbagent::datastore::postgresql
