#include "tests/support/root_part.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "agent/os/helper_protocol.h"
#include "agent/os/process.h"
#include "agent/os/separation.h"

namespace dbagent::tests {
namespace {

using os::Fields;

constexpr std::size_t kMostOutput = 32U << 10U;
constexpr std::chrono::minutes kAnswerBudget{2};
constexpr std::chrono::seconds kEndBudget{20};

int root_part = -1;  // the socket to it
std::mutex asking;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "unable to test with --separate: %s\n", why.c_str());
  std::exit(2);
}

os::OsUser UserOf(const std::string& name) {
  Result<os::OsUser> user = os::FindOsUser(name);
  if (!user.ok()) Die(user.status().FullMessage());
  return *std::move(user);
}

void Become(const os::OsUser& user) {
  if (setgroups(0, nullptr) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0) _exit(126);
}

// The process itself: one request after the other, until the test program has ended.
class Server {
 public:
  Server(os::OsUser agent, os::OsUser server)
      : agent_(std::move(agent)), server_(std::move(server)) {}

  [[noreturn]] void Serve(int socket) {
    for (;;) {
      const Result<std::optional<os::Packet>> packet = os::ReceivePacket(OpContext(), socket);
      if (!packet.ok() || !*packet) break;
      const Fields& request = (*packet)->fields;
      Result<std::string> done = Do(request);
      const Status sent = done.ok() ? os::SendPacket(socket, {"ok", *done})
                                    : os::SendPacket(socket, os::ErrorFields(done.status()));
      if (!sent.ok()) break;
    }
    while (!helpers_.empty())
      Remove(helpers_.begin()->first).status().Ignore("nobody is left to be told");
    _exit(0);
  }

 private:
  Result<std::string> Do(const Fields& request) {
    if (request.at(0) == "directory") return MakeDirectory();
    if (request.at(0) == "agents-directory") return MakeAgentsDirectory(request.at(1));
    if (request.at(0) == "helper") return StartHelper(request.at(1), request.at(2));
    if (request.at(0) == "remove") return Remove(request.at(1));
    return AsServer(request.at(1));
  }

  Result<std::string> MakeDirectory() {
    std::string form = "/tmp/dbagent-s.XXXXXX";
    if (mkdtemp(form.data()) == nullptr || chmod(form.c_str(), 0755) != 0)
      return os::ErrnoError("make", form, errno);
    helpers_[form] = 0;
    return form;
  }

  Result<std::string> MakeAgentsDirectory(const std::string& path) {
    if (mkdir(path.c_str(), 0755) != 0 || chown(path.c_str(), agent_.uid, agent_.gid) != 0)
      return os::ErrnoError("make", path, errno);
    return path;
  }

  Result<std::string> StartHelper(const std::string& directory, const std::string& table) {
    const std::string tools = directory + "/tools", socket_path = directory + "/helper.sock";
    EndHelper(directory);
    RETURN_IF_ERROR(os::RemoveFile(socket_path));
    RETURN_IF_ERROR(os::WriteFileAtomic(tools, table, 0600));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
    const UniqueFd listening(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        chown(socket_path.c_str(), 0, agent_.gid) != 0 || chmod(socket_path.c_str(), 0660) != 0 ||
        listen(listening.get(), 16) != 0)
      return os::ErrnoError("listen on", socket_path, errno);
    const pid_t helper = fork();
    if (helper < 0) return os::ErrnoError("start", "dbagent-helper", errno);
    if (helper == 0) {
      // as systemd passes it
      if (listening.get() == 3)
        fcntl(3, F_SETFD, 0);
      else
        dup2(listening.get(), 3);
      setenv("LISTEN_FDS", "1", 1);
      setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
      const std::string program = DBAGENT_BINARY_DIR "/agent/dbagent-helper";
      const std::string state = directory + "/state", log = directory + "/helper.log";
      const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      dup2(output, STDERR_FILENO);
      execl(program.c_str(), program.c_str(), "--tools", tools.c_str(), "--state", state.c_str(),
            nullptr);
      _exit(127);
    }
    helpers_[directory] = helper;
    return socket_path;
  }

  void EndHelper(const std::string& directory) {
    const pid_t helper = std::exchange(helpers_[directory], 0);
    if (helper == 0) return;
    if (waitpid(helper, nullptr, WNOHANG) == helper) {
      const Result<std::string> log = os::ReadFile(directory + "/helper.log");
      std::fprintf(stderr, "dbagent-helper has ended by itself: %s\n",
                   log.ok() ? log->c_str() : log.status().message().c_str());
      return;
    }
    kill(helper, SIGKILL);
    waitpid(helper, nullptr, 0);
  }

  Result<std::string> Remove(std::string directory) {
    const auto found = helpers_.find(directory);
    if (found == helpers_.end()) return std::string();
    EndHelper(directory);
    helpers_.erase(found);
    const pid_t ender = fork();
    if (ender == 0) {
      Become(server_);
      _exit(os::KillProcessesIn(directory, Deadline::After(kEndBudget)).ok() ? 0 : 1);
    }
    waitpid(ender, nullptr, 0);
    RETURN_IF_ERROR(os::RemoveTree(directory));
    return std::string();
  }

  Result<std::string> AsServer(const std::string& command) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return os::ErrnoError("make", "a pipe", errno);
    const UniqueFd read_end(out[0]);
    UniqueFd write_end(out[1]);
    const pid_t child = fork();
    if (child < 0) return os::ErrnoError("start", "bash", errno);
    if (child == 0) {
      dup2(write_end.get(), STDOUT_FILENO);
      Become(server_);
      if (chdir("/") != 0) _exit(126);
      execl("/usr/bin/timeout", "timeout", "60", "bash", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    write_end.Reset();
    std::string text;
    char piece[4096];
    ssize_t got = 0;
    while ((got = read(read_end.get(), piece, sizeof piece)) > 0)
      text.append(piece, static_cast<std::size_t>(got));
    int status = 0;
    waitpid(child, &status, 0);
    if (text.size() > kMostOutput) text.resize(kMostOutput);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
    return Error(Code::kInternal, "TOOL_FAILED", "'{}' ended with status {}", command, status);
  }

  const os::OsUser agent_, server_;
  std::map<std::string, pid_t> helpers_;  // by their directory; 0: none yet
};

Result<std::string> Ask(const Fields& request) {
  const std::lock_guard lock(asking);
  if (root_part < 0) Die("it must be started as root");
  RETURN_IF_ERROR(os::SendPacket(root_part, request));
  ASSIGN_OR_RETURN(const std::optional<os::Packet> answer,
                   os::ReceivePacket(OpContext().WithBudget(kAnswerBudget), root_part));
  if (!answer) Die("what stayed root has ended");
  if (answer->fields.at(0) == "ok") return answer->fields.at(1);
  return os::StatusOf(answer->fields);
}

std::string Must(Result<std::string> answer) {
  if (!answer.ok()) Die(answer.status().FullMessage());
  return *std::move(answer);
}

}  // namespace

std::string RootPart::ServerUser() {
  const char* const name = std::getenv("DBAGENT_TEST_SERVER_USER");
  return name == nullptr ? "dbagent-test-server" : name;
}

void RootPart::Fork(const std::string& agent) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) Die("no socket");
  Server server(UserOf(agent), UserOf(ServerUser()));
  const pid_t part = fork();
  if (part < 0) Die("no process");
  if (part == 0) {
    close(ends[0]);
    setsid();
    umask(0022);
    server.Serve(ends[1]);
  }
  close(ends[1]);
  root_part = ends[0];
}

os::Path RootPart::MakeDirectory() {
  return Must(Ask({"directory"}));
}

void RootPart::MakeAgentsDirectory(const os::Path& path) {
  Must(Ask({"agents-directory", path}));
}

os::Path RootPart::StartHelper(const os::Path& directory, const std::string& table) {
  return Must(Ask({"helper", directory, table}));
}

void RootPart::Remove(const os::Path& directory) {
  Must(Ask({"remove", directory}));
}

Result<std::string> RootPart::AsServer(const std::string& command) {
  return Ask({"as-server", command});
}

}  // namespace dbagent::tests
