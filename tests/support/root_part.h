#pragma once

#include <string>

#include "agent/os/files.h"

namespace dbagent::tests {

// What stays root where a program tests with --separate, the agent and the server as two OS users:
// a process that main forks before it drops root. It runs dbagent-helper, and commands with the
// server's rights, since tests look at and break what is the server's. It ends with this process,
// and ends and removes what it made.
class RootPart {
 public:
  // In main, as root. `agent`: the user that the program becomes.
  static void Fork(const std::string& agent);
  // Whom servers run as: DBAGENT_TEST_SERVER_USER, default `dbagent-test-server`, which tests/run
  // makes.
  static std::string ServerUser();

  // A directory of root's, and a dbagent-helper with that table in it, in the place of one that is
  // there; answers its socket. Threads: any.
  static os::Path MakeDirectory();
  // A directory in one of these that is the agent's, for direct mode.
  static void MakeAgentsDirectory(const os::Path& path);
  static os::Path StartHelper(const os::Path& directory, const std::string& table);
  // The helper, what else works in the directory, and the directory.
  static void Remove(const os::Path& directory);
  // `bash -c COMMAND` as the server's user: what it wrote to stdout, at most 32 KiB. At most a
  // minute. TOOL_FAILED.
  static Result<std::string> AsServer(const std::string& command);
};

}  // namespace dbagent::tests
