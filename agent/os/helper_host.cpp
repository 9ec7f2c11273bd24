#include "agent/os/helper_host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>

#include "agent/base/pause.h"
#include "agent/base/redact.h"
#include "agent/os/helper_protocol.h"
#include "agent/os/stderr_tail.h"
#include "agent/os/tool_command.h"
#include "agent/os/tool_runner.h"

namespace dbagent::os {
namespace {

using std::chrono::milliseconds;

// Of verbs that touch a few files. A volume of another machine may have many to be given away.
constexpr auto kVerbBudget = std::chrono::minutes(1);
constexpr auto kStateBudget = std::chrono::seconds(5);
constexpr auto kPrepareBudget = std::chrono::hours(2);
constexpr auto kTakeOverBudget = std::chrono::minutes(3);
constexpr auto kRemoveBudget = std::chrono::hours(1);
constexpr auto kStartBudget = std::chrono::minutes(4);
// What a tool or the server may take to go after it was killed.
constexpr auto kEndBudget = std::chrono::seconds(30);
constexpr int kAttempts = 4;
constexpr auto kAttemptPause = milliseconds(500);

Status NotThere(const Path& socket, int error) {
  return Error(Code::kUnavailable, "HELPER_GONE", "unable to reach dbagent-helper at '{}': {}",
               socket.native(), std::strerror(error))
      .WithHint("`systemctl status dbagent-helper.socket dbagent-helper` tells why")
      .AsRetryable();
}

Result<UniqueFd> Connect(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return NotThere(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid() ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return NotThere(path, errno);
  return fd;
}

// The values of an `ok`.
Result<Fields> Values(Result<std::optional<Packet>> answer) {
  if (!answer.ok()) return std::move(answer).status();
  if (!*answer) {
    return Error(Code::kUnavailable, "HELPER_GONE",
                 "unable to learn what became of the request: dbagent-helper ended meanwhile")
        .WithHint("its journal tells why (journalctl -u dbagent-helper); systemd starts it again")
        .AsRetryable();
  }
  Fields& fields = (*answer)->fields;
  if (fields.empty() || fields.front() != "ok") return StatusOf(fields);
  fields.erase(fields.begin());
  return std::move(fields);
}

template <typename T>
bool Read(const Fields& fields, std::size_t index, T& out) {
  if (index >= fields.size()) return false;
  const char* const end = fields[index].data() + fields[index].size();
  const auto [stop, error] = std::from_chars(fields[index].data(), end, out);
  return error == std::errc() && stop == end;
}

Status Unexpected() {
  return Error(Code::kInternal, "PACKET_INVALID", "unable to read dbagent-helper's answer");
}

// A tool that the helper runs.
class HelperChild : public ChildProcess {
 public:
  HelperChild(UniqueFd connection, pid_t pid, std::unique_ptr<StderrTail> tail)
      : connection_(std::move(connection)), pid_(pid), tail_(std::move(tail)) {}
  ~HelperChild() override {
    if (!exit_) {
      Signal(SIGKILL);
      AwaitExit(OpContext().WithBudget(kEndBudget))
          .Ignore("it is killed when the connection closes, too");
    }
  }

  pid_t pid() const override { return pid_; }

  Result<ExitStatus> Wait(const OpContext& ctx, milliseconds grace) override {
    if (exit_) return *exit_;
    const Status waited = AwaitExit(ctx);
    if (waited.ok()) return *exit_;
    if (waited.reason() == "HELPER_GONE") return waited;
    Signal(SIGTERM);
    if (!AwaitExit(OpContext().WithBudget(grace)).ok()) {
      Signal(SIGKILL);
      RETURN_IF_ERROR(AwaitExit(OpContext().WithBudget(kEndBudget)));
    }
    return waited;
  }

  void Signal(int signal) override {
    const std::lock_guard lock(mutex_);
    if (exit_) return;
    SendPacket(connection_.get(), {"signal", std::to_string(signal)})
        .Ignore("when the helper is gone, so is the tool");
  }

  std::string stderr_tail() const override { return Redact(tail_->text()); }

 private:
  Status AwaitExit(const OpContext& ctx) {
    ASSIGN_OR_RETURN(const std::optional<Packet> packet, ReceivePacket(ctx, connection_.get()));
    ExitStatus status;
    if (!packet) {
      tail_->Finish();
      return Error(Code::kUnavailable, "HELPER_GONE",
                   "unable to learn how the tool ended: dbagent-helper ended, and the tool with it")
          .AsRetryable();
    }
    if (packet->fields.size() != 3 || packet->fields[0] != "exit" ||
        !Read(packet->fields, 1, status.code) || !Read(packet->fields, 2, status.signal))
      return Unexpected();
    {
      const std::lock_guard lock(mutex_);
      exit_ = status;
    }
    tail_->Finish();
    return Ok();
  }

  const UniqueFd connection_;
  const pid_t pid_;
  const std::unique_ptr<StderrTail> tail_;
  std::mutex mutex_;  // of exit_
  std::optional<ExitStatus> exit_;
};

class HelperHost : public InstanceHost {
 public:
  explicit HelperHost(HelperHostOptions options)
      : options_(std::move(options)),
        instance_(options_.scratch ? options_.table.scratch : options_.table.main),
        volume_(instance_.volume),
        version_(HelperTableVersion(FormatHelperTable(options_.table))),
        own_tools_({volume_, instance_.table.tools, volume_.agent() / "children",
                    options_.scratch ? std::optional(options_.table.scratch_nice) : std::nullopt}) {
  }

  Status PrepareVolume() override { return Do(kPrepareBudget, {"prepare-volume"}).status(); }
  Result<Generation> MakeGeneration() override {
    ASSIGN_OR_RETURN(const Fields made, Do(kVerbBudget, {"make-generation"}));
    std::uint64_t number = 0;
    if (!Read(made, 0, number)) return Unexpected();
    return volume_.generation(number);
  }
  Status SwitchGeneration(std::uint64_t number) override {
    return Do(kVerbBudget, {"switch-generation", std::to_string(number)}).status();
  }
  Status RemoveGeneration(std::uint64_t number) override {
    return Do(kRemoveBudget, {"remove-generation", std::to_string(number)}).status();
  }
  Status RemoveCurrentLink() override { return Do(kVerbBudget, {"remove-current-link"}).status(); }
  Result<std::unique_ptr<ChildProcess>> RunTool(const ToolCall& call) override;
  Status StartServer() override { return Do(kStartBudget, {"start-server"}).status(); }
  Status StopServer(const OpContext& ctx) override;
  ServerProcessState ServerState() override;
  Status TakeOver() override {
    RETURN_IF_ERROR(own_tools_.EndAll(Deadline::After(kEndBudget)));
    return Do(kTakeOverBudget, {"take-over"}).status();
  }
  Status ResumeServer() override { return Do(kStartBudget, {"resume-server"}).status(); }
  Status Discard(Deadline deadline) override {
    RETURN_IF_ERROR(own_tools_.EndAll(deadline));
    const auto span = deadline.Remaining(kRemoveBudget);
    return Do(span + kEndBudget, {"discard", std::to_string(span.count())}).status();
  }

 private:
  Result<UniqueFd> Ask(Fields request, const std::vector<int>& descriptors = {}) const {
    ASSIGN_OR_RETURN(UniqueFd connection, Connect(options_.socket));
    const Fields head = {version_, options_.scratch ? "scratch" : "main"};
    request.insert(request.begin(), head.begin(), head.end());
    RETURN_IF_ERROR(SendPacket(connection.get(), request, descriptors));
    return connection;
  }
  // Verbs that may be asked for again: a helper that ended meanwhile is started by the next
  // connection.
  Result<Fields> Do(milliseconds budget, const Fields& request) const {
    for (int attempt = 1;; ++attempt) {
      Result<Fields> values = DoOnce(budget, request);
      if (values.ok() || values.status().reason() != "HELPER_GONE" || attempt == kAttempts)
        return values;
      Pause(OpContext(), kAttemptPause);
    }
  }
  Result<Fields> DoOnce(milliseconds budget, const Fields& request) const {
    ASSIGN_OR_RETURN(const UniqueFd connection, Ask(request));
    return Values(ReceivePacket(OpContext().WithBudget(budget), connection.get()));
  }

  const HelperHostOptions options_;
  const HelperTable::Instance& instance_;
  const Volume volume_;
  const std::string version_;
  const ToolRunner own_tools_;
};

Result<std::unique_ptr<ChildProcess>> HelperHost::RunTool(const ToolCall& call) {
  ASSIGN_OR_RETURN(const ToolDefinition* const tool, FindTool(instance_.table.tools, call.name));
  if (tool->run_as == RunAs::kAgent) return own_tools_.Run(call);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("make", "a pipe", errno);
  UniqueFd errors_read(ends[0]), errors_write(ends[1]);
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!wake.valid() || !null.valid()) return ErrnoError("make", "descriptors", errno);

  // which number each of the descriptors has in the tool
  std::string numbers = "0,1,2";
  std::vector<int> descriptors = {call.stdin_fd < 0 ? null.get() : call.stdin_fd,
                                  call.stdout_fd < 0 ? null.get() : call.stdout_fd,
                                  call.stderr_fd < 0 ? errors_write.get() : call.stderr_fd};
  for (const auto& [target, source] : call.more_fds) {
    numbers += fmt::format(",{}", target);
    descriptors.push_back(source);
  }
  Fields request = {"run-tool", call.name, numbers};
  for (const auto& [name, value] : call.parameters) {
    request.push_back(name);
    request.push_back(value);
  }
  ASSIGN_OR_RETURN(UniqueFd connection, Ask(std::move(request), descriptors));
  errors_write.Reset();
  ASSIGN_OR_RETURN(const Fields begun,
                   Values(ReceivePacket(OpContext().WithBudget(kVerbBudget), connection.get())));
  pid_t pid = 0;
  if (!Read(begun, 0, pid)) return Unexpected();
  return std::unique_ptr<ChildProcess>(std::make_unique<HelperChild>(
      std::move(connection), pid,
      std::make_unique<StderrTail>(std::move(errors_read), std::move(wake))));
}

Status HelperHost::StopServer(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const UniqueFd connection, Ask({"stop-server"}));
  Result<std::optional<Packet>> answer = ReceivePacket(ctx, connection.get());
  if (!answer.ok() && !ctx.Poll().ok()) {
    RETURN_IF_ERROR(SendPacket(connection.get(), {"hurry"}));
    answer = ReceivePacket(OpContext().WithBudget(kVerbBudget), connection.get());
  }
  return Values(std::move(answer)).status();
}

ServerProcessState HelperHost::ServerState() {
  const Result<Fields> said = DoOnce(kStateBudget, {"server-state"});
  ServerProcessState state;
  unsigned process = 0;
  int should_run = 0;
  if (said.ok() && said->size() == 5 && Read(*said, 0, process) && process <= 2 &&
      Read(*said, 1, state.pid) && Read(*said, 2, should_run) && Read(*said, 3, state.restarts)) {
    state.process = static_cast<ServerProcess>(process);
    state.should_run = should_run != 0;
    state.last_exit = (*said)[4];
    return state;
  }
  // nobody knows: it may run very well, and an answer of the server itself tells more
  state.process = ServerProcess::kRunning;
  return state;
}

}  // namespace

std::unique_ptr<InstanceHost> MakeHelperHost(HelperHostOptions options) {
  return std::make_unique<HelperHost>(std::move(options));
}

}  // namespace dbagent::os
