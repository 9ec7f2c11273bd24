#pragma once

#include "datastores/datastore.h"
#include "datastores/mysql/versions.h"

// Where the server's files are, and the programs that the driver runs.
namespace dbagent::datastore::mysql {

struct Layout {
  explicit Layout(const ServerSettings& settings);

  os::Path prefix;  // with sbin/, bin/ and share/
  os::Path configuration, data, log, socket, pid_file;
  os::Path first_socket, first_pid_file;  // of a first start, before the server is secure
};

os::ToolTable ToolsOf(const ServerSettings& settings, const Dialect& dialect);

// Names in the tool table.
inline constexpr const char* kInitialiseTool = "initialise";  // parameter: generation
inline constexpr const char* kSecureTool = "secure";  // parameter: generation; stdin: statements
inline constexpr const char* kDumpTool = "dump";      // parameter: database; stdout: SQL
inline constexpr const char* kLoadTool = "load";      // parameter: database; stdin: SQL

}  // namespace dbagent::datastore::mysql
