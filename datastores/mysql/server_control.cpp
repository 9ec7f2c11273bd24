#include <mysqld_error.h>

#include <algorithm>
#include <array>

#include "agent/base/pause.h"
#include "datastores/current_generation.h"
#include "datastores/log_file.h"
#include "datastores/mysql/error_lines.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/server_error.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPollPause = milliseconds(50);
constexpr auto kUndoBudget = seconds(30);
// A first start whose statements fail goes on running: the init file's last one is SHUTDOWN.
constexpr auto kSecureBudget = std::chrono::minutes(5);
constexpr std::size_t kMostLog = 64 << 10;
// MySQL's number for an account that is locked; the header is MariaDB's.
constexpr unsigned kMysqlAccountLocked = 3118;

// What the server's log got since it had `from` bytes: its errors, or its last lines.
std::string ErrorsSince(const os::Path& log, std::uint64_t from) {
  return ErrorLines(LogSince(log, from, kMostLog));
}

// Whether the server has looked at who the agent is, and says no.
bool IsRefusal(const Status& status) {
  static constexpr std::array<unsigned, 5> kNumbers = {
      ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_PLUGIN_IS_NOT_LOADED,
      ER_ACCOUNT_HAS_BEEN_LOCKED, kMysqlAccountLocked};
  return std::find(kNumbers.begin(), kNumbers.end(), ServerErrno(status)) != kNumbers.end();
}

class Control : public ServerControl {
 public:
  explicit Control(Server& server) : server_(server) {}

  Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) override;
  Status Start(const OpContext& ctx) override;
  Status Stop(const OpContext& ctx) override;
  Status AdoptData(const OpContext& ctx, const os::Generation& generation) override {
    return Adopt(server_, ctx, generation, "the first start on another agent's data");
  }

 private:
  Status RunInitialise(const OpContext& ctx, const os::Generation& generation);
  Status CheckEmpty(const OpContext& ctx, const os::Generation& generation);
  Status RunSecure(const OpContext& ctx, const os::Generation& generation);
  // The server was just started and refuses the agent.
  Status AdoptAndStart(const OpContext& ctx);
  // `log_size`: the log's before the start.
  Status WaitForAnswer(const OpContext& ctx, std::uint64_t log_size);

  Server& server_;
};

Status Control::Initialise(const OpContext& ctx, const InitialiseSpec& spec) {
  RETURN_IF_ERROR(CheckEmpty(ctx, spec.generation));
  RETURN_IF_ERROR(RunInitialise(ctx, spec.generation));
  return RunSecure(ctx.WithBudget(kSecureBudget), spec.generation);
}

Status Control::CheckEmpty(const OpContext& ctx, const os::Generation& generation) {
  return ForEachFile(ctx, server_.host,
                     {kListDataTool, GenerationParameter(generation), -1, -1, {}},
                     [&](const ListedFile& file) -> Status {
                       return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_NOT_EMPTY",
                                    "unable to initialise '{}': there is something in it ('{}')",
                                    generation.data.native(), file.name);
                     });
}

Status Control::RunInitialise(const OpContext& ctx, const os::Generation& generation) {
  ASSIGN_OR_RETURN(
      const auto child,
      server_.host.RunTool({kInitialiseTool, GenerationParameter(generation), -1, -1, {}}));
  return os::WaitForSuccess(ctx, *child, "the data directory's initialisation");
}

Status Control::RunSecure(const OpContext& ctx, const os::Generation& generation) {
  return RunFirstStart(server_, ctx, kSecureTool, generation,
                       server_.dialect.SecureStatements(server_.settings),
                       "the server's first start");
}

Status Control::Start(const OpContext& ctx) {
  const bool ran = server_.host.ServerState().process == os::ServerProcess::kRunning;
  const std::uint64_t log_size = LogSize(server_.layout.log);
  RETURN_IF_ERROR(server_.host.StartServer());
  Status answered = WaitForAnswer(ctx, log_size);
  if (answered.reason() == kRefusesAgent && !ran) answered = AdoptAndStart(ctx);
  if (answered.ok() || ran) return answered;
  Status stopped = server_.host.StopServer(ctx.ForCleanup(kUndoBudget));
  if (!stopped.ok()) return std::move(answered).WithCause(stopped);
  return answered;
}

Status Control::AdoptAndStart(const OpContext& ctx) {
  RETURN_IF_ERROR(server_.host.StopServer(ctx.WithBudget(kUndoBudget)));
  ASSIGN_OR_RETURN(const os::Generation current, CurrentGeneration(server_.settings.volume));
  RETURN_IF_ERROR(AdoptData(ctx, current));
  const std::uint64_t log_size = LogSize(server_.layout.log);
  RETURN_IF_ERROR(server_.host.StartServer());
  return WaitForAnswer(ctx, log_size);
}

Status Control::WaitForAnswer(const OpContext& ctx, std::uint64_t log_size) {
  for (;;) {
    const Result<Rows> rows = Query(server_, ctx, "ask the server", "SELECT 1");
    if (rows.ok()) return Ok();
    if (IsRefusal(rows.status())) {
      return Error(Code::kFailedPrecondition, kRefusesAgent,
                   "unable to use the server: it refuses the agent's account '{}'",
                   server_.settings.os_user)
          .WithHint("restart it: its start makes the account anew")
          .WithCause(rows.status());
    }
    const os::ServerProcessState state = server_.host.ServerState();
    if (state.process != os::ServerProcess::kRunning || !state.last_exit.empty()) {
      return Error(Code::kFailedPrecondition, "SERVER_START_FAILED",
                   "unable to start the server: {}: {}",
                   state.last_exit.empty() ? "it was stopped" : state.last_exit,
                   ErrorsSince(server_.layout.log, log_size));
    }
    if (Status ended = ctx.Poll(); !ended.ok()) {
      return std::move(ended).Wrap(
          fmt::format("unable to start the server, which does not answer yet ({})",
                      ErrorsSince(server_.layout.log, log_size)));
    }
    Pause(ctx, kPollPause);
  }
}

Status Control::Stop(const OpContext& ctx) {
  server_.pool.Clear();
  return server_.host.StopServer(ctx);
}

}  // namespace

std::unique_ptr<ServerControl> MakeServerControl(Server& server) {
  return std::make_unique<Control>(server);
}

}  // namespace dbagent::datastore::mysql
