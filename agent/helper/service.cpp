#include "agent/helper/service.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "agent/helper/audit.h"
#include "agent/os/direct_host.h"
#include "agent/os/server_record.h"

namespace dbagent::helper {
namespace {

using os::Fields;
using os::Packet;
using std::chrono::milliseconds;

constexpr auto kRequestBudget = std::chrono::seconds(10);
constexpr auto kToolGrace = std::chrono::seconds(5);
constexpr auto kEndToolsBudget = std::chrono::seconds(60);
constexpr int kHighestDescriptor = 255;

template <typename T>
std::optional<T> Number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Status Invalid(std::string_view what) {
  return Error(Code::kInvalidArgument, "REQUEST_INVALID", "unable to do what was asked: {}", what);
}

// What a tool may be given: streams. A directory, a device or a bare path descriptor would be more
// than that.
Status CheckDescriptor(int fd) {
  struct stat info {};
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &info) != 0) return os::ErrnoError("look at", "a descriptor", errno);
  const bool null = S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
  if ((flags & O_PATH) == 0 &&
      (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode) || null))
    return Ok();
  return Error(Code::kInvalidArgument, "DESCRIPTOR_INVALID",
               "unable to run a tool: one of its descriptors is no pipe, file or socket");
}

// `0,1,2,5`: which number each descriptor has in the tool.
Status TakeDescriptors(const std::string& numbers, const std::vector<UniqueFd>& descriptors,
                       os::ToolCall& call) {
  std::set<int> seen;
  std::size_t index = 0;
  for (std::size_t at = 0; at <= numbers.size();) {
    const std::size_t comma = std::min(numbers.find(',', at), numbers.size());
    const std::optional<int> number = Number<int>(std::string_view(numbers).substr(at, comma - at));
    if (!number || *number < 0 || *number > kHighestDescriptor || !seen.insert(*number).second ||
        index >= descriptors.size())
      return Invalid("the descriptors' numbers do not fit");
    const int fd = descriptors[index++].get();
    RETURN_IF_ERROR(CheckDescriptor(fd));
    if (*number == 0)
      call.stdin_fd = fd;
    else if (*number == 1)
      call.stdout_fd = fd;
    else if (*number == 2)
      call.stderr_fd = fd;
    else
      call.more_fds.emplace(*number, fd);
    at = comma + 1;
  }
  if (index != descriptors.size() || !seen.contains(0) || !seen.contains(1) || !seen.contains(2))
    return Invalid("the descriptors' numbers do not fit");
  return Ok();
}

Fields StateFields(const os::ServerProcessState& state) {
  return {std::to_string(static_cast<unsigned>(state.process)), std::to_string(state.pid),
          state.should_run ? "1" : "0", std::to_string(state.restarts), state.last_exit};
}

// Calls `use` with each packet until the other side closes, and then `closed`, on a thread of its
// own. Ends with this.
class Listener {
 public:
  Listener(int connection, std::function<void(const Packet&)> use, std::function<void()> closed)
      : stop_(std::make_shared<StopSwitch>()),
        thread_([connection, use = std::move(use), closed = std::move(closed), stop = stop_] {
          const OpContext ctx(stop, Deadline::Never(), {}, nullptr);
          for (;;) {
            const Result<std::optional<Packet>> packet = os::ReceivePacket(ctx, connection);
            if (packet.ok() && *packet) {
              use(**packet);
            } else {
              if (ctx.Poll().ok()) closed();
              return;
            }
          }
        }) {}
  ~Listener() {
    stop_->RequestStop(StopReason::kShutdown);
    thread_.join();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  const std::shared_ptr<StopSwitch> stop_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Service>> Service::Make(const os::HelperTable& table, std::string version,
                                               const os::Path& state) {
  os::Separation users;
  ASSIGN_OR_RETURN(users.agent, os::FindOsUser(table.agent_user));
  ASSIGN_OR_RETURN(users.server, os::FindOsUser(table.server_user));
  if (users.agent.uid == users.server.uid || users.agent.uid == 0 || users.server.uid == 0) {
    return Error(Code::kFailedPrecondition, "TABLE_INVALID",
                 "unable to keep '{}' and '{}' apart: two users are needed, neither of them root",
                 table.agent_user, table.server_user)
        .WithHint("correct instance.user and instance.server_user in the agent's settings");
  }
  std::unique_ptr<Service> made(new Service(table, std::move(version), std::move(users)));
  made->main_ = made->MakeHost(made->table_.main, state / "main", false);
  made->scratch_ = made->MakeHost(made->table_.scratch, state / "scratch", true);
  RETURN_IF_ERROR(os::MakeRootDirectory(state, 0700));
  for (const char* name : {"main", "scratch"})
    RETURN_IF_ERROR(os::MakeRootDirectory(state / name, 0700));
  return made;
}

std::unique_ptr<os::InstanceHost> Service::MakeHost(const os::HelperTable::Instance& instance,
                                                    const os::Path& state, bool scratch) const {
  os::DirectHostOptions options;
  options.volume = os::Volume(instance.volume);
  options.table = instance.table;
  options.runtime_directory = instance.runtime_directory;
  options.on_event = AuditEvent;
  options.separation = users_;
  options.machine_state = state;
  if (scratch)
    options.transient_nice = table_.scratch_nice;
  else
    options.unit = table_.unit;
  return os::MakeDirectHost(std::move(options));
}

Status Service::FindServer() {
  if (!table_.unit.empty()) return Ok();
  const os::Path record_path = os::Volume(table_.main.volume).helper() / os::kServerRecord;
  ASSIGN_OR_RETURN(const std::optional<os::ServerRecord> record, os::ReadServerRecord(record_path));
  ASSIGN_OR_RETURN(const std::string boot_id, os::BootId());
  if (!record || record->boot_id != boot_id) return Ok();
  RETURN_IF_ERROR(main_->TakeOver());
  return main_->ResumeServer();
}

bool Service::IsAgent(int connection) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (known && peer.uid == users_.agent.uid) return true;
  AuditTurnedAway(known ? fmt::format("uid {} (pid {}) is not the agent", peer.uid, peer.pid)
                        : "nobody knows who it is");
  return false;
}

Result<Service::Request> Service::ReadRequest(int connection) {
  ASSIGN_OR_RETURN(std::optional<Packet> packet,
                   os::ReceivePacket(OpContext().WithBudget(kRequestBudget), connection));
  if (!packet || packet->fields.size() < 3) return Invalid("there is no request");
  Fields& fields = packet->fields;
  Request request;
  request.instance = fields[1];
  request.verb = fields[2];
  if (fields[0] != version_) {
    return Error(Code::kFailedPrecondition, "HELPER_TABLE_DIFFERS",
                 "unable to work for this agent: its table of tools is another than that of "
                 "dbagent-helper")
        .WithHint("settings or packages have changed: systemctl restart dbagent-helper dbagentd");
  }
  const bool main = request.instance == "main";
  if (!main && request.instance != "scratch") return Invalid("there is no such instance");
  request.host = main ? main_.get() : scratch_.get();
  request.table = main ? &table_.main.table : &table_.scratch.table;
  request.arguments.assign(fields.begin() + 3, fields.end());
  request.descriptors = std::move(packet->descriptors);
  return request;
}

void Service::Serve(UniqueFd connection) {
  const auto begun = std::chrono::steady_clock::now();
  Result<Request> request = ReadRequest(connection.get());
  Result<Fields> values =
      request.ok() ? Do(*request, connection.get()) : Result<Fields>(request.status());
  Fields answer = values.ok() ? *values : os::ErrorFields(values.status());
  if (values.ok()) answer.insert(answer.begin(), "ok");
  // a tool's end was told already
  const bool told = values.ok() && request->verb == "run-tool";
  Status outcome = values.status();
  if (!told) {
    const Status sent = os::SendPacket(connection.get(), answer);
    if (!sent.ok() && outcome.ok()) outcome = sent;  // the answer was for nobody
  }
  AuditVerb({.instance = request.ok() ? request->instance : "-",
             .verb = request.ok() ? request->verb : "-",
             .arguments = request.ok() ? request->arguments : Fields(),
             .outcome = outcome,
             .span = std::chrono::steady_clock::now() - begun});
}

Result<Fields> Service::Do(Request& request, int connection) {
  os::InstanceHost& host = *request.host;
  const std::string& verb = request.verb;
  if (verb == "run-tool") {
    RETURN_IF_ERROR(RunTool(request, connection));
    return Fields();
  }
  const std::size_t wanted =
      verb == "switch-generation" || verb == "remove-generation" || verb == "discard" ? 1 : 0;
  std::uint64_t number = 0;
  if (request.arguments.size() != wanted || !request.descriptors.empty())
    return Invalid("it has not the arguments of its verb");
  if (wanted == 1) {
    const auto given = Number<std::uint64_t>(request.arguments[0]);
    if (!given || *given > (1ULL << 53U)) return Invalid("its argument is no number");
    number = *given;
  }
  if (verb == "make-generation") {
    ASSIGN_OR_RETURN(const os::Generation made, host.MakeGeneration());
    return Fields{std::to_string(made.number)};
  }
  if (verb == "server-state") return StateFields(host.ServerState());
  RETURN_IF_ERROR(DoPlain(request, number, connection));
  return Fields();
}

// What answers nothing but that it was done.
Status Service::DoPlain(const Request& request, std::uint64_t number, int connection) {
  os::InstanceHost& host = *request.host;
  const std::string& verb = request.verb;
  if (verb == "prepare-volume") return host.PrepareVolume();
  if (verb == "switch-generation") return host.SwitchGeneration(number);
  if (verb == "remove-generation") return host.RemoveGeneration(number);
  if (verb == "remove-current-link") return host.RemoveCurrentLink();
  if (verb == "start-server") return host.StartServer();
  if (verb == "stop-server") return StopServer(host, connection);
  if (verb == "discard" && request.instance == "scratch")
    return host.Discard(Deadline::After(milliseconds(number)));
  if (verb == "take-over") {
    RETURN_IF_ERROR(EndTools());
    return host.TakeOver();
  }
  if (verb == "resume-server") return host.ResumeServer();
  return Error(Code::kUnimplemented, "VERB_UNKNOWN",
               "unable to do what was asked: instance {} has no verb '{}'", request.instance,
               verb.substr(0, 40));
}

Status Service::RunTool(Request& request, int connection) {
  const Fields& arguments = request.arguments;
  if (arguments.size() < 2 || arguments.size() % 2 != 0)
    return Invalid("it has not the arguments of its verb");
  os::ToolCall call;
  call.name = arguments[0];
  for (std::size_t i = 2; i < arguments.size(); i += 2) {
    if (!call.parameters.emplace(arguments[i], arguments[i + 1]).second)
      return Invalid("a parameter stands twice");
  }
  RETURN_IF_ERROR(TakeDescriptors(arguments[1], request.descriptors, call));
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child, request.host->RunTool(call));
  // the tool's own: what it reads must see the end when the agent closes its side
  request.descriptors.clear();
  const auto stop = std::make_shared<StopSwitch>();
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = next_tool_++;
    tools_.emplace(id, stop);
  }
  Status sent = os::SendPacket(connection, {"ok", std::to_string(child->pid())});
  const auto ended = [&]() -> Result<os::ExitStatus> {
    const Listener listener(
        connection,
        [&](const Packet& packet) {
          if (packet.fields.size() != 2 || packet.fields[0] != "signal") return;
          const auto signal = Number<int>(packet.fields[1]);
          if (signal && *signal > 0 && *signal < SIGRTMIN) child->Signal(*signal);
        },
        [&] { stop->RequestStop(StopReason::kCancelled); });
    return child->Wait(OpContext(stop, Deadline::Never(), {}, nullptr), kToolGrace);
  }();
  {
    const std::lock_guard lock(mutex_);
    tools_.erase(id);
  }
  tools_changed_.notify_all();
  RETURN_IF_ERROR(std::move(sent));
  RETURN_IF_ERROR(ended.status());
  return os::SendPacket(connection,
                        {"exit", std::to_string(ended->code), std::to_string(ended->signal)});
}

// Clean, until the agent says `hurry`. One that was killed asks again in its next life.
Status Service::StopServer(os::InstanceHost& host, int connection) {
  const auto stop = std::make_shared<StopSwitch>();
  const auto hurry = [&] { stop->RequestStop(StopReason::kCancelled); };
  const Listener listener(
      connection,
      [&](const Packet& packet) {
        if (packet.fields == Fields{"hurry"}) hurry();
      },
      [] {});
  return host.StopServer(OpContext(stop, Deadline::Never(), {}, nullptr));
}

Status Service::EndTools() {
  std::unique_lock lock(mutex_);
  for (const auto& [id, stop] : tools_) stop->RequestStop(StopReason::kCancelled);
  if (tools_changed_.wait_for(lock, kEndToolsBudget, [&] { return tools_.empty(); })) return Ok();
  return Error(Code::kInternal, "PROCESS_STAYS",
               "unable to end the tools of an agent that is gone: {} are left", tools_.size())
      .WithHint("systemctl restart dbagent-helper ends all of them");
}

}  // namespace dbagent::helper
