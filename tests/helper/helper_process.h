#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "agent/base/unique_fd.h"
#include "agent/os/helper_host.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {

// The users that the tests keep apart; tests/run makes them.
inline constexpr const char* kAgentUser = "dbagent-test";
inline constexpr const char* kServerUser = "dbagent-test-server";

// While one lives this thread is that user (its effective ids), others are not.
class AsUser {
 public:
  explicit AsUser(const char* name);
  ~AsUser();
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

 private:
  const uid_t uid_before_;
  const gid_t gid_before_;
};

// The real dbagent-helper, root, with a table of the test's and a home of its own.
class HelperProcess {
 public:
  HelperProcess();
  ~HelperProcess();
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  os::HelperTable table;  // change it before Start
  void Start();
  void Kill();  // SIGKILL; Start starts it again, on the same socket, as systemd does

  std::unique_ptr<os::InstanceHost> Host(bool scratch = false) const;
  // A bare connection, of whoever this thread is.
  UniqueFd Connect() const;
  std::string version() const;
  std::string log() const;
  os::Volume volume() const { return os::Volume(table.main.volume); }
  const os::Path& home() const { return directory_.path(); }
  pid_t pid() const { return pid_; }

 private:
  TempDir directory_;
  UniqueFd listening_;
  pid_t pid_ = 0;
};

// `sh -c script`, as the server's user.
os::ToolDefinition Script(const std::string& name, const std::string& script,
                          std::map<std::string, os::ParameterKind> parameters = {});
// What a tool of it wrote to stdout, when it succeeded.
Result<std::string> OutputOf(os::InstanceHost& host, os::ToolCall call);
// The same; an error's text otherwise.
std::string SaidBy(os::InstanceHost& host, const std::string& tool);
os::OsUser UserNamed(const char* name);

}  // namespace dbagent::tests
