#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/pause.h"
#include "agent/stream/fd_stream.h"
#include "datastores/mysql/error_lines.h"
#include "datastores/mysql/parts.h"

namespace dbagent::datastore::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPollPause = milliseconds(50);
constexpr auto kUndoBudget = seconds(30);
// A first start whose statements fail goes on running: the init file's last one is SHUTDOWN.
constexpr auto kSecureBudget = std::chrono::minutes(5);
constexpr std::size_t kMostLog = 64 << 10;

std::uint64_t SizeOf(const os::Path& log) {
  struct stat facts {};
  return stat(log.c_str(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

// What the server's log got since it had `from` bytes: its errors, or its last lines.
std::string LogSince(const os::Path& log, std::uint64_t from) {
  const UniqueFd fd(open(log.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "it wrote no log";
  const std::uint64_t size = SizeOf(log);
  if (size < from) from = 0;  // somebody has rotated it
  if (size - from > kMostLog) from = size - kMostLog;
  std::string text(size - from, '\0');
  const ssize_t got = pread(fd.get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return ErrorLines(text);
}

class Control : public ServerControl {
 public:
  explicit Control(Server& server) : server_(server) {}

  Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) override;
  Status Start(const OpContext& ctx) override;
  Status Stop(const OpContext& ctx) override;

 private:
  Status RunInitialise(const OpContext& ctx, const os::Generation& generation);
  Status RunSecure(const OpContext& ctx, const os::Generation& generation);
  // `log_size`: the log's before the start.
  Status WaitForAnswer(const OpContext& ctx, std::uint64_t log_size);

  Server& server_;
};

Status Control::Initialise(const OpContext& ctx, const InitialiseSpec& spec) {
  ASSIGN_OR_RETURN(const std::vector<std::string> found, os::ListDirectory(spec.generation.data));
  if (!found.empty()) {
    return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_NOT_EMPTY",
                 "unable to initialise '{}': there is something in it ('{}')",
                 spec.generation.data.native(), found.front());
  }
  RETURN_IF_ERROR(os::MakeDirectories(server_.settings.runtime_directory, 0700));
  RETURN_IF_ERROR(RunInitialise(ctx, spec.generation));
  return RunSecure(ctx.WithBudget(kSecureBudget), spec.generation);
}

Status Control::RunInitialise(const OpContext& ctx, const os::Generation& generation) {
  os::ToolCall call;
  call.name = kInitialiseTool;
  call.parameters = {{"generation", std::to_string(generation.number)}};
  ASSIGN_OR_RETURN(const auto child, server_.host.RunTool(call));
  return os::WaitForSuccess(ctx, *child, "the data directory's initialisation");
}

Status Control::RunSecure(const OpContext& ctx, const os::Generation& generation) {
  return RunFirstStart(server_, ctx, kSecureTool, generation,
                       server_.dialect.SecureStatements(server_.settings.os_user),
                       "the server's first start");
}

Status Control::Start(const OpContext& ctx) {
  const bool ran = server_.host.ServerState().process == os::ServerProcess::kRunning;
  RETURN_IF_ERROR(os::MakeDirectories(server_.settings.runtime_directory, 0700));
  RETURN_IF_ERROR(os::MakeDirectories(server_.layout.temporary, 0700));
  const std::uint64_t log_size = SizeOf(server_.layout.log);
  RETURN_IF_ERROR(server_.host.StartServer());
  Status answered = WaitForAnswer(ctx, log_size);
  if (answered.ok() || ran) return answered;
  Status stopped = server_.host.StopServer(ctx.ForCleanup(kUndoBudget));
  if (!stopped.ok()) return std::move(answered).WithCause(stopped);
  return answered;
}

Status Control::WaitForAnswer(const OpContext& ctx, std::uint64_t log_size) {
  for (;;) {
    if (const Result<Rows> rows = Query(server_, ctx, "ask the server", "SELECT 1"); rows.ok())
      return Ok();
    const os::ServerProcessState state = server_.host.ServerState();
    if (state.process != os::ServerProcess::kRunning || !state.last_exit.empty()) {
      return Error(Code::kFailedPrecondition, "SERVER_START_FAILED",
                   "unable to start the server: {}: {}",
                   state.last_exit.empty() ? "it was stopped" : state.last_exit,
                   LogSince(server_.layout.log, log_size));
    }
    if (Status ended = ctx.Poll(); !ended.ok()) {
      return std::move(ended).Wrap(
          fmt::format("unable to start the server, which does not answer yet ({})",
                      LogSince(server_.layout.log, log_size)));
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
