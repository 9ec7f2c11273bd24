#include "tests/helper/helper_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "agent/stream/fd_stream.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

constexpr int kKeep = -1;

// The system calls themselves change one thread; glibc's functions change all.
void BecomeEffective(uid_t uid, gid_t gid) {
  // as root first: nobody else may change the group
  if (syscall(SYS_setresuid, kKeep, 0, kKeep) != 0 ||
      syscall(SYS_setresgid, kKeep, gid, kKeep) != 0 ||
      syscall(SYS_setresuid, kKeep, uid, kKeep) != 0) {
    std::perror("unable to become another user");
    std::abort();
  }
}

sockaddr_un Address(const os::Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

}  // namespace

AsUser::AsUser(const char* name) : uid_before_(geteuid()), gid_before_(getegid()) {
  const os::OsUser user = UserNamed(name);
  BecomeEffective(user.uid, user.gid);
}

AsUser::~AsUser() {
  BecomeEffective(uid_before_, gid_before_);
}

HelperProcess::HelperProcess() {
  chmod(directory_.path().c_str(), 0755);
  table.agent_user = kAgentUser;
  table.server_user = kServerUser;
  table.main.volume = directory_ / "volume";
  table.main.runtime_directory = directory_ / "run/main";
  table.scratch.volume = directory_ / "volume/scratch";
  table.scratch.runtime_directory = directory_ / "run/scratch";
  for (os::HelperTable::Instance* instance : {&table.main, &table.scratch}) {
    os::ServerDefinition& server = instance->table.server;
    server.command = Script("server", "trap 'exit 0' TERM; while :; do sleep 0.05; done");
    server.log_file = instance->volume / "current/log/server.log";
  }
  listening_ = UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = Address(directory_ / "h");
  if (bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listening_.get(), 256) != 0)
    std::abort();
  chmod((directory_ / "h").c_str(), 0666);  // who is answered is not left to the file's mode
}

HelperProcess::~HelperProcess() {
  if (pid_ == 0) return;
  const AsUser agent(kAgentUser);
  EXPECT_OK(Host()->StopServer(OpContext().WithBudget(std::chrono::seconds(5))));
  EXPECT_OK(Host(true)->Discard(Deadline::After(std::chrono::seconds(10))));
  Kill();
}

void HelperProcess::Start() {
  const os::Path tools = directory_ / "tools";
  ASSERT_OK(os::WriteFileAtomic(tools, os::FormatHelperTable(table), 0600));
  const std::string state = directory_ / "state";
  const UniqueFd log(
      open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  pid_ = fork();
  if (pid_ == 0) {
    dup2(log.get(), 2);
    dup2(listening_.get(), 3);
    fcntl(3, F_SETFD, 0);  // it may have been the 3
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    execl(DBAGENT_BINARY_DIR "/agent/dbagent-helper", "dbagent-helper", "--tools", tools.c_str(),
          "--state", state.c_str(), nullptr);
    _exit(127);
  }
  ASSERT_GT(pid_, 0);
}

void HelperProcess::Kill() {
  const AsUser root("root");
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

std::unique_ptr<os::InstanceHost> HelperProcess::Host(bool scratch) const {
  return os::MakeHelperHost({directory_ / "h", table, scratch});
}

UniqueFd HelperProcess::Connect() const {
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = Address(directory_ / "h");
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string HelperProcess::version() const {
  return os::HelperTableVersion(os::FormatHelperTable(table));
}

std::string HelperProcess::log() const {
  const Result<std::string> text = os::ReadFile(directory_ / "log");
  return text.ok() ? *text : text.status().ToString();
}

os::ToolDefinition Script(const std::string& name, const std::string& script,
                          std::map<std::string, os::ParameterKind> parameters) {
  return {name,
          "/bin/sh",
          {"-c", script},
          std::move(parameters),
          {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}};
}

Result<std::string> OutputOf(os::InstanceHost& host, os::ToolCall call) {
  ASSIGN_OR_RETURN(stream::Pipe out, stream::MakePipe());
  call.stdout_fd = out.write_end.get();
  ASSIGN_OR_RETURN(const auto child, host.RunTool(call));
  out.write_end.Reset();
  std::string text = ReadUntil(out.read_end.get(), '\0');
  RETURN_IF_ERROR(
      os::WaitForSuccess(OpContext().WithBudget(std::chrono::seconds(20)), *child, call.name));
  return text;
}

std::string SaidBy(os::InstanceHost& host, const std::string& tool) {
  const Result<std::string> said = OutputOf(host, {tool, {}});
  return said.ok() ? *said : said.status().ToString();
}

os::OsUser UserNamed(const char* name) {
  const Result<os::OsUser> user = os::FindOsUser(name);
  if (user.ok()) return *user;
  std::fprintf(stderr, "%s\n", user.status().ToString().c_str());
  std::abort();
}

}  // namespace dbagent::tests
