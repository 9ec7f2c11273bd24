// dbagent-helper: root's part of an instance where the agent and the server are two OS users. It is
// started by its socket, answers the agent's user only, and does what its table says.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "agent/helper/audit.h"
#include "agent/helper/service.h"
#include "agent/os/files.h"

namespace {

using namespace dbagent;  // NOLINT: main is the whole of the program's own namespace

constexpr int kMostConnections = 64;
constexpr int kLongestPauseMilliseconds = 10'000;

int Fail(const Status& status) {
  std::fprintf(stderr, "<3>dbagent-helper: %s\n", status.FullMessage().c_str());
  if (!status.hint().empty()) std::fprintf(stderr, "<3>  hint: %s\n", status.hint().c_str());
  return 1;
}

// Only root can have written it.
Result<std::string> ReadTable(const os::Path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return os::ErrnoError("read", path, errno);
  if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Code::kFailedPrecondition, "TABLE_INVALID",
                 "unable to use the table '{}': others than root can write it", path.native())
        .WithHint("remove it: the unit's ExecStartPre= writes it anew");
  }
  return os::ReadFile(path);
}

Result<int> ListeningSocket() {
  const int count = sd_listen_fds(1);
  if (count == 1 && sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, nullptr, 0) > 0)
    return SD_LISTEN_FDS_START;
  return Error(Code::kFailedPrecondition, "NO_SOCKET",
               "unable to serve: there is no listening socket of systemd's (kind seqpacket)")
      .WithHint("start it by dbagent-helper.socket, not by hand");
}

// Accepts for ever. It never does anything that takes long itself, so that the watchdog, which it
// feeds, tells of this loop.
[[noreturn]] void AcceptAll(int listening, helper::Service& service) {
  static std::atomic<int> connections{0};
  std::uint64_t watchdog = 0;
  const int pause = sd_watchdog_enabled(0, &watchdog) > 0
                        ? std::min(static_cast<int>(watchdog / 3000), kLongestPauseMilliseconds)
                        : kLongestPauseMilliseconds;
  for (;;) {
    sd_notify(0, "WATCHDOG=1");
    pollfd wanted{listening, POLLIN, 0};
    if (poll(&wanted, 1, pause) <= 0) continue;
    UniqueFd connection(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) usleep(100'000);
      continue;
    }
    if (!service.IsAgent(connection.get())) continue;
    if (connections.fetch_add(1) >= kMostConnections) {
      --connections;
      helper::AuditTurnedAway(fmt::format("too many: {} are being answered", kMostConnections));
      continue;
    }
    std::thread([&service, fd = std::move(connection)]() mutable {
      service.Serve(std::move(fd));
      --connections;
    }).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 || std::strcmp(argv[1], "--tools") != 0 || std::strcmp(argv[3], "--state") != 0) {
    std::fprintf(
        stderr,
        "usage: dbagent-helper --tools FILE --state DIRECTORY\n"
        "Does for the agent's OS user what needs the server's or root's rights. FILE is\n"
        "made by `dbagentd --write-tool-table`; DIRECTORY is root's, on the machine's own\n"
        "disk. The listening socket is passed by systemd (sd_listen_fds(3)).\n");
    return 2;
  }
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // the leak checker traces its own process
  prctl(PR_SET_DUMPABLE, 0);
#endif
  umask(0027);  // the server's log is read by the agent, who is of its group
  std::signal(SIGPIPE, SIG_IGN);

  const Result<std::string> text = ReadTable(argv[2]);
  if (!text.ok()) return Fail(text.status());
  const Result<os::HelperTable> table = os::ParseHelperTable(*text);
  if (!table.ok()) return Fail(table.status());
  const Result<int> listening = ListeningSocket();
  if (!listening.ok()) return Fail(listening.status());
  auto service = helper::Service::Make(*table, os::HelperTableVersion(*text), argv[4]);
  if (!service.ok()) return Fail(service.status());
  if (const Status found = (*service)->FindServer(); !found.ok()) return Fail(found);
  sd_notify(0, "READY=1\nSTATUS=serving");
  AcceptAll(*listening, **service);
}
