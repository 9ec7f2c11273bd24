#include <grp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "agent/daemon/agent.h"
#include "agent/daemon/local_listener.h"
#include "agent/daemon/watchdog.h"
#include "agent/net/metrics_listener.h"
#include "agent/os/files.h"
#include "agent/os/priority.h"
#include "agent/os/separation.h"
#include "agent/rpc/tls.h"
#include "agent/telemetry/log.h"
#include "agent/telemetry/metrics.h"

namespace {

using namespace dbagent;  // NOLINT: main is the whole of the program's own namespace

// Passwords pass through this process: no core dumps, no ptrace by others of its user.
void HardenProcess() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  os::SessionYield::Prepare();
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // the leak checker traces its own process
  prctl(PR_SET_DUMPABLE, 0);
#endif
  umask(0077);
  std::signal(SIGPIPE, SIG_IGN);
}

// A stream's buffers go back to the machine when they are freed. By itself glibc would, after the
// first of them, take such sizes from its arenas, whose ends malloc_trim does not reach.
void BoundHeap() {
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 512 << 10);
}

int Fail(const Status& status) {
  std::fprintf(stderr, "dbagentd: %s\n", status.FullMessage().c_str());
  if (!status.hint().empty()) std::fprintf(stderr, "  hint: %s\n", status.hint().c_str());
  return 1;
}

// To whom the files that the settings name are open or not: root, at a shell, may read all.
Status BecomeAgent(const std::string& name) {
  ASSIGN_OR_RETURN(const os::OsUser user, os::FindOsUser(name));
  if (initgroups(name.c_str(), user.gid) == 0 && setresgid(user.gid, user.gid, user.gid) == 0 &&
      setresuid(user.uid, user.uid, user.uid) == 0)
    return Ok();
  return Error(Code::kInternal, "SET_USER_FAILED", "unable to become OS user '{}': {}", name,
               std::strerror(errno))
      .WithHint("check as that user: runuser -u " + name + " -- dbagentd --check-config");
}

int FailSettings(const Status& problems) {
  std::fputs(problems.message().c_str(), stderr);
  if (problems.reason() != "SETTINGS_INVALID") std::fputc('\n', stderr);
  return 2;
}

int CheckSettings(const std::string& file) {
  const Result<config::Settings> read = config::LoadSettings(file, config::SecretCheck::kLeave);
  if (read.ok() && read->separate && geteuid() == 0) {
    const Status became = BecomeAgent(read->separate->user);
    if (!became.ok()) return Fail(became);
    std::printf("%s: checked with the rights of the agent's user '%s'\n", file.c_str(),
                read->separate->user.c_str());
    std::fflush(stdout);
  }
  const bool in_unit = std::getenv("CREDENTIALS_DIRECTORY") != nullptr;
  const Result<config::Settings> settings = config::LoadSettings(
      file, in_unit ? config::SecretCheck::kRead : config::SecretCheck::kReadFiles);
  if (!settings.ok()) return FailSettings(settings.status());
  for (const config::SecretSource* source : config::SecretsOf(*settings)) {
    if (in_unit || !source->file.empty()) continue;
    std::printf("%s:%d: not checked: %s, which systemd gives to the agent's unit alone\n",
                file.c_str(), source->line, source->Describe().c_str());
  }
  std::printf("%s: no problems\n", file.c_str());
  return 0;
}

// What dbagent-helper may do, for it to read; as root, from files that are root's.
int WriteToolTable(const config::Settings& settings, const std::string& file) {
  if (!settings.separate) {
    return Fail(
        Error(Code::kFailedPrecondition, "MODE_DIRECT",
              "unable to write a table of tools: the settings' mode is direct, which has "
              "no dbagent-helper")
            .WithHint("set instance.mode to separate, or do without dbagent-helper.service"));
  }
  const auto parts = daemon::OpenDriver(settings, settings.separate->user);
  if (!parts.ok()) return Fail(parts.status());
  const Status written =
      os::WriteFileAtomic(file, os::FormatHelperTable(parts->TableFor(settings)), 0600);
  return written.ok() ? 0 : Fail(written);
}

// SIGHUP: reads the settings again; takes over what can be, or nothing.
void Reload(const std::string& file, daemon::Agent& agent) {
  Result<config::Settings> settings = config::LoadSettings(file);
  const telemetry::Level level = settings.ok() ? settings->log_level : telemetry::Level::kInfo;
  const Status taken = settings.ok() ? agent.TakeSettings(*std::move(settings)) : settings.status();
  if (!taken.ok()) {
    telemetry::LogError("agent.reload_refused",
                        "the settings stay as they were: " + taken.FullMessage(), taken);
    sd_notify(0, "READY=1\nSTATUS=serving; the last reload was refused, see the log");
    return;
  }
  telemetry::SetLogLevel(level);
  telemetry::LogInfo("agent.reloaded", "the settings were read again", {{"file", file}});
  sd_notify(0, "READY=1\nSTATUS=serving");
}

// Calls `use` for each signal, for as long as `signals` lives.
void AwaitEach(boost::asio::signal_set& signals, const std::function<void()>& use) {
  signals.async_wait([&signals, use](const boost::system::error_code& error, int) {
    if (error) return;
    use();
    AwaitEach(signals, use);
  });
}

int Serve(const std::string& file, config::Settings settings) {
  telemetry::SetLogLevel(settings.log_level);
  telemetry::LogInfo(
      "agent.starting",
      settings.separate
          ? "dbagentd " DBAGENT_VERSION " starts in separate mode"
          : "dbagentd " DBAGENT_VERSION
            " starts in direct mode: agent and server are one OS user, nothing separates them",
      {{"volume", settings.volume}, {"datastore", settings.datastore.driver}});
  const config::Path socket = settings.local.socket;
  const std::optional<config::MetricsListener> metrics = settings.metrics;
  boost::asio::io_context io(1);
  boost::asio::signal_set hangups(io, SIGHUP);  // from now on; answered once it serves
  Result<std::unique_ptr<daemon::Agent>> agent = daemon::Agent::Start(std::move(settings));
  if (!agent.ok()) {
    telemetry::LogError("agent.start_failed", "unable to start", agent.status());
    return Fail(agent.status());
  }
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    telemetry::LogInfo("agent.stopping", fmt::format("stopping on signal {}", signal));
    sd_notify(0, "STOPPING=1");
    io.stop();
  });
  auto listener = daemon::LocalListener::Open(
      io, socket, [&](int fd) { (*agent)->server().TakeLocalConnection(fd); });
  if (!listener.ok()) return Fail(listener.status());
  std::unique_ptr<net::MetricsListener> metrics_listener;
  if (metrics) {
    auto opened = net::MetricsListener::Open(io, *metrics, telemetry::RenderMetrics);
    if (!opened.ok()) return Fail(opened.status());
    metrics_listener = *std::move(opened);
  }
  AwaitEach(hangups, [&] {
    sd_notify(0, "RELOADING=1");
    Reload(file, **agent);
  });
  daemon::Watchdog watchdog(io, **agent);
  telemetry::LogInfo("agent.started", "serving", {{"socket", socket}});
  sd_notify(0, "READY=1\nSTATUS=serving");
  io.run();
  listener->reset();
  metrics_listener.reset();
  if (!(*agent)->Stop()) {
    telemetry::LogWarning(
        "agent.stopped_early",
        "an operation did not end in time; it will be recovered at the next start");
    _exit(0);
  }
  telemetry::LogInfo("agent.stopped", "stopped; the database server goes on running");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "dbagentd: the agent that looks after one MySQL, MariaDB or PostgreSQL server for a "
      "controller.\n"
      "It serves gRPC on a local socket and, with mutual TLS, on TCP. Settings: "
      "settings.example.yaml."};
  std::string file = "/etc/dbagent/settings.yaml";
  bool check = false, list_metrics = false;
  app.add_option("--settings", file, "the settings file")->capture_default_str();
  app.add_flag("--check-config", check,
               "check the settings file, print every problem, and exit (0: none); of mode "
               "separate with the rights of the agent's user, when root asks; a unit's credentials "
               "are not read from outside it");
  std::string tool_table;
  app.add_option("--write-tool-table", tool_table,
                 "write what dbagent-helper may do into this file, and exit; for its unit");
  app.add_flag("--list-metrics", list_metrics,
               "print every metric (name, labels, type, help), and exit; see `metrics` in the "
               "settings");
  app.set_version_flag("--version", "dbagentd " DBAGENT_VERSION);
  CLI11_PARSE(app, argc, argv);

  if (list_metrics) {
    std::fputs(telemetry::DescribeMetrics().c_str(), stdout);
    return 0;
  }
  if (check) return CheckSettings(file);
  Result<config::Settings> settings = config::LoadSettings(
      file, tool_table.empty() ? config::SecretCheck::kRead : config::SecretCheck::kLeave);
  if (!settings.ok()) return FailSettings(settings.status());
  if (!tool_table.empty()) return WriteToolTable(*settings, tool_table);
  if (geteuid() == 0) {
    return Fail(Error(Code::kFailedPrecondition, "RUNS_AS_ROOT", "dbagentd does not run as root")
                    .WithHint("run it as instance.user of its settings, in direct mode as the "
                              "datastore's OS user: runuser -u mysql -- dbagentd --settings FILE"));
  }
  HardenProcess();
  BoundHeap();
  rpc::DisableOldTls();
  return Serve(file, *std::move(settings));
}
