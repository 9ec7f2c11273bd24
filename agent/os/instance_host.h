#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/os/child_process.h"
#include "agent/os/volume.h"

// The few things that need the server's OS user, as generic verbs (design section 4). Two
// implementations: in process in direct mode, where the agent is that user (direct_host.h), and a
// client of dbagent-helper (helper_host.h), which runs the first one as root. The caller's side is
// the same, so nothing above this header knows which one it has.
namespace dbagent::os {

// What a tool's parameter may be; checked by the host, which does not trust its caller.
enum class ParameterKind : std::uint8_t {
  kGeneration,  // number of an existing generation; replaced by its absolute path
  kText,    // any text without NUL, one argv element or a part of one; never looked up as a path by
            // us
  kNumber,  // decimal digits
};

// Whose rights a tool has where the agent and the server are two OS users.
enum class RunAs : std::uint8_t {
  kServer,  // reads and writes the server's files
  kAgent,   // a client of the running server, whose SQL account is the agent's
};

// One program that the host runs by name. The table comes from the driver; the helper has it from a
// root-owned file, which was made by the same driver.
struct ToolDefinition {
  std::string name;                    // `mariadb-dump`
  std::string program;                 // absolute path
  std::vector<std::string> arguments;  // `{parameter}` is replaced wherever it stands in an element
  std::map<std::string, ParameterKind> parameters;  // all of them are required
  std::map<std::string, std::string> environment;
  RunAs run_as = RunAs::kServer;
};

// How the server itself is run under service manager `child`; a unit name serves the other one.
struct ServerDefinition {
  ToolDefinition command;  // stays in the foreground; parameters are not allowed
  Path log_file;           // stdout and stderr are appended here
  int stop_signal = 15;    // a clean, fast stop: SIGTERM (MySQL), SIGINT (PostgreSQL's fast mode)
  int kill_signal =
      9;  // what ends it for good after the stop's budget: SIGKILL, SIGQUIT for PostgreSQL
  // A file in the data directory whose first line is the server's pid (postmaster.pid), or empty.
  Path pid_file;
};

struct ToolTable {
  std::vector<ToolDefinition> tools;
  ServerDefinition server;
};

struct ToolCall {
  std::string name;
  std::map<std::string, std::string> parameters;
  int stdin_fd = -1;   // borrowed
  int stdout_fd = -1;  // borrowed
  std::map<int, int> more_fds = {};
  int stderr_fd = -1;  // borrowed; -1: kept, see ChildProcess::stderr_tail
};

enum class ServerProcess : std::uint8_t {
  kStopped,  // as it should be
  kRunning,  // a process exists (it may not answer yet), or supervision is about to restart it (pid
             // 0)
  kCrashed,  // should run, does not, and restarting it was given up
};

struct ServerProcessState {
  ServerProcess process = ServerProcess::kStopped;
  pid_t pid = 0;
  bool should_run = false;     // what the last start or stop asked for; survives the agent
  std::uint32_t restarts = 0;  // by supervision, since the last asked-for start
  std::string last_exit;       // `killed by signal 9 (Killed)`, when it ended on its own
};

// Threads: every method from any thread; calls that change the server or the generations are
// serialised inside.
class InstanceHost {
 public:
  virtual ~InstanceHost() = default;

  // Makes what a volume and the server's runtime directory need and is missing, each with its owner
  // and mode. Idempotent, called before everything else at each start. VOLUME_UNSAFE when somebody
  // could have a hand in it who must not.
  virtual Status PrepareVolume() = 0;

  // Generations. Making one never touches another; switching is atomic and durable (rename of the
  // link, fsync).
  // The next free number, empty directories.
  virtual Result<Generation> MakeGeneration() = 0;
  virtual Status SwitchGeneration(std::uint64_t number) = 0;
  // Refuses the current one; removing what is not there is fine.
  virtual Status RemoveGeneration(std::uint64_t number) = 0;
  // Takes `current` away (undoing a first switch); not there is fine.
  virtual Status RemoveCurrentLink() = 0;

  // Runs a tool of the table as the datastore's user. UNKNOWN_TOOL, BAD_TOOL_PARAMETER, and
  // ChildProcess's errors.
  virtual Result<std::unique_ptr<ChildProcess>> RunTool(const ToolCall& call) = 0;

  // Starts the server's process and returns once it exists; whether it answers is the driver's to
  // find out. Running already is fine. From then on it is supervised: an unexpected end restarts
  // it, with growing pauses, at most five times in a minute.
  virtual Status StartServer() = 0;
  // Clean stop; when ctx runs out or stops: killed for good. Returns when no process is left. Not
  // running is fine.
  virtual Status StopServer(const OpContext& ctx) = 0;
  virtual ServerProcessState ServerState() = 0;

  // Ends what an earlier life of the agent left running (tools of killed operations) and finds the
  // server again. Called once at start, before anything else.
  virtual Status TakeOver() = 0;
  // After TakeOver: starts the server when it should run and does not.
  virtual Status ResumeServer() = 0;

  // Of a transient host (direct_host.h), this one or an earlier one that is gone: ends what still
  // works on its volume, and removes volume and runtime directory. Nothing there is fine.
  // PROCESS_STAYS.
  virtual Status Discard(Deadline deadline) = 0;
};

}  // namespace dbagent::os
