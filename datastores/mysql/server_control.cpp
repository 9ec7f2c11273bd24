#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/pause.h"
#include "agent/base/redact.h"
#include "agent/stream/fd_stream.h"
#include "datastores/mysql/configuration.h"
#include "datastores/mysql/parts.h"

namespace dbagent::datastore::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPollPause = milliseconds(50);
constexpr auto kUndoBudget = seconds(30);
// A first start whose statements fail goes on running: the init file's last one is SHUTDOWN.
constexpr auto kSecureBudget = std::chrono::minutes(5);
constexpr std::size_t kLogBytes = 2000;

// The end of the server's log, on one line.
std::string LastLogLines(const os::Path& log) {
  const UniqueFd fd(open(log.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "it wrote no log";
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  std::string text(std::min<std::size_t>(kLogBytes, size > 0 ? static_cast<std::size_t>(size) : 0),
                   '\0');
  const ssize_t got =
      pread(fd.get(), text.data(), text.size(), size - static_cast<off_t>(text.size()));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return Redact(text);
}

class Control : public ServerControl {
 public:
  explicit Control(Server& server) : server_(server) {}

  Status Configure(const OpContext& ctx, const ConfigureSpec& spec) override;
  Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) override;
  Status Start(const OpContext& ctx) override;
  Status Stop(const OpContext& ctx) override;

 private:
  Status RunInitialise(const OpContext& ctx, const os::Generation& generation);
  Status RunSecure(const OpContext& ctx, const os::Generation& generation);
  Status WaitForAnswer(const OpContext& ctx);

  Server& server_;
};

Status Control::Configure(const OpContext& ctx, const ConfigureSpec& spec) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(const std::string text,
                   ConfigurationText(server_.settings, server_.dialect, spec));
  RETURN_IF_ERROR(os::MakeDirectories(server_.settings.volume.config(), 0755));
  return os::WriteFileAtomic(server_.layout.configuration, text, 0644);
}

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
  RETURN_IF_ERROR(server_.host.StartServer());
  Status answered = WaitForAnswer(ctx);
  if (answered.ok() || ran) return answered;
  Status stopped = server_.host.StopServer(ctx.ForCleanup(kUndoBudget));
  if (!stopped.ok()) return std::move(answered).WithCause(stopped);
  return answered;
}

Status Control::WaitForAnswer(const OpContext& ctx) {
  for (;;) {
    if (const Result<Rows> rows = Query(server_, ctx, "ask the server", "SELECT 1"); rows.ok())
      return Ok();
    const os::ServerProcessState state = server_.host.ServerState();
    if (state.process != os::ServerProcess::kRunning || !state.last_exit.empty()) {
      return Error(Code::kFailedPrecondition, "SERVER_START_FAILED",
                   "unable to start the server: {}: {}",
                   state.last_exit.empty() ? "it was stopped" : state.last_exit,
                   LastLogLines(server_.layout.log));
    }
    if (Status ended = ctx.Poll(); !ended.ok()) {
      return std::move(ended).Wrap(
          fmt::format("unable to start the server, which does not answer yet ({})",
                      LastLogLines(server_.layout.log)));
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
