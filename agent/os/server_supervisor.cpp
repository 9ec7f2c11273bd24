#include "agent/os/server_supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <utility>

#include "agent/os/process.h"
#include "agent/os/spawner.h"

namespace dbagent::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<milliseconds, 5> kPauses = {milliseconds(100), milliseconds(500), seconds(1),
                                                 seconds(2), seconds(4)};
constexpr auto kRestartWindow = std::chrono::minutes(1);
constexpr auto kKillBudget =
    seconds(10);  // how long the kernel or the server itself may take after each signal

// Takes the exit status when the process is a child of ours; another's is its parent's to know.
std::string Reap(int pid_fd) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pid_fd), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return "ended, and its exit status went to another parent";
  }
  return info.si_code == CLD_EXITED ? ExitStatus{.code = info.si_status}.ToString()
                                    : ExitStatus{.signal = info.si_status}.ToString();
}

// The executable of a process, empty when it may not be seen.
std::string ProgramOf(pid_t pid) {
  char target[PATH_MAX];
  const ssize_t length =
      readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

ServerSupervisor::~ServerSupervisor() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  if (!thread_.joinable()) return;
  Wake();
  thread_.join();
}

Status ServerSupervisor::Start() {
  const std::lock_guard control(control_);
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(StartThread());
  should_run_ = true;
  restart_at_.reset();
  recent_restarts_.clear();
  restarts_ = 0;
  last_exit_.clear();
  RETURN_IF_ERROR(Save(process_ ? process_->pid : 0));
  gave_up_ = !process_.has_value();  // until Spawn has succeeded
  return process_ ? Ok() : Spawn();
}

Status ServerSupervisor::Stop(const OpContext& ctx) {
  const std::lock_guard control(control_);
  std::unique_lock lock(mutex_);
  const bool should_have_run = std::exchange(should_run_, false);
  if (Status saved = Save(process_ ? process_->pid : 0); !saved.ok()) {
    should_run_ = should_have_run;
    return saved;
  }
  restart_at_.reset();
  gave_up_ = false;
  if (!process_) return Ok();
  SignalPidFd(process_->fd.get(), options_.definition.stop_signal);
  if (WaitForEnd(lock, ctx.stop(), ctx.deadline())) return Ok();
  return KillForGood(lock);
}

ServerProcessState ServerSupervisor::State() {
  const std::lock_guard lock(mutex_);
  ServerProcessState state{.process = ServerProcess::kStopped,
                           .pid = process_ ? process_->pid : 0,
                           .should_run = should_run_,
                           .restarts = restarts_,
                           .last_exit = last_exit_};
  if (process_ || restart_at_) {
    state.process = ServerProcess::kRunning;
  } else if (gave_up_) {
    state.process = ServerProcess::kCrashed;
  }
  return state;
}

Status ServerSupervisor::Find() {
  const std::lock_guard control(control_);
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(StartThread());
  ASSIGN_OR_RETURN(const std::optional<ServerRecord> record, ReadServerRecord(options_.record));
  ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  should_run_ = record && record->should_run;
  if (process_ || (record && record->boot_id == boot_id && Adopt(*record))) return Ok();
  if (const std::optional<ServerRecord> found = FindByPidFile(); found && Adopt(*found)) {
    if (!record) should_run_ = true;
    return Save(found->pid);
  }
  gave_up_ = should_run_;  // until it is started
  return Ok();
}

Status ServerSupervisor::Resume() {
  const std::lock_guard control(control_);
  const std::lock_guard lock(mutex_);
  return should_run_ && !process_ && !restart_at_ ? Spawn() : Ok();
}

Status ServerSupervisor::StartThread() {
  if (thread_.joinable()) return Ok();
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return ErrnoError("make", "an event descriptor", errno);
  thread_ = std::thread([this] { Watch(); });
  return Ok();
}

void ServerSupervisor::Wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written =
      write(wake_.get(), &one, sizeof one);  // full is as good: it is readable
}

void ServerSupervisor::Watch() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    // only this thread takes process_ away, so the descriptor stays open
    pollfd fds[2] = {{process_ ? process_->fd.get() : -1, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    const int timeout =
        restart_at_ ? static_cast<int>(
                          Deadline::At(*restart_at_).Remaining(std::chrono::minutes(1)).count())
                    : -1;
    lock.unlock();
    if (poll(fds, 2, timeout) > 0 && fds[1].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);
    }
    lock.lock();
    Events events;
    if (fds[0].revents != 0) OnEnded(events);
    if (!quit_ && restart_at_ && std::chrono::steady_clock::now() >= *restart_at_) Restart(events);
    if (events.empty() || !options_.on_event) continue;
    lock.unlock();
    for (const ServerEvent& event : events) options_.on_event(event);
    lock.lock();
  }
}

void ServerSupervisor::OnEnded(Events& events) {
  // what it left in its group, while its number is still taken
  if (process_->leads_session) kill(-process_->pid, SIGKILL);
  const std::string exit = Reap(process_->fd.get());
  const pid_t pid = process_->pid;
  process_.reset();
  changed_.notify_all();
  if (!should_run_) return;
  last_exit_ = exit;
  events.push_back(
      {"server.exited", fmt::format("the server (pid {}) ended on its own: {}", pid, exit), true});
  PlanRestart(events);
}

void ServerSupervisor::PlanRestart(Events& events) {
  const auto now = std::chrono::steady_clock::now();
  while (!recent_restarts_.empty() && recent_restarts_.front() + kRestartWindow < now)
    recent_restarts_.pop_front();
  if (recent_restarts_.size() < kPauses.size()) {
    restart_at_ = now + kPauses[recent_restarts_.size()];
    return;
  }
  gave_up_ = true;
  events.push_back({"server.restart_given_up",
                    fmt::format("the server ended {} times within a minute and stays down: {}",
                                kPauses.size() + 1, last_exit_),
                    true});
}

void ServerSupervisor::Restart(Events& events) {
  restart_at_.reset();
  recent_restarts_.push_back(std::chrono::steady_clock::now());
  ++restarts_;
  if (const Status spawned = Spawn(); !spawned.ok()) {
    events.push_back({"server.start_failed", spawned.FullMessage(), true});
    PlanRestart(events);
    return;
  }
  events.push_back(
      {"server.restarted", fmt::format("the server runs again (pid {})", process_->pid)});
}

Status ServerSupervisor::Save(pid_t pid) const {
  ServerRecord record{.should_run = should_run_, .pid = pid};
  ASSIGN_OR_RETURN(record.boot_id, BootId());
  if (pid != 0) {
    const Result<std::uint64_t> start_time = ProcessStartTime(pid);
    record.start_time =
        start_time.ok() ? *start_time : 0;  // just ended: then no process is the one that is meant
  }
  return WriteServerRecord(options_.record, record);
}

// In a directory of the server's: what it leads to is opened with its rights.
Result<UniqueFd> ServerSupervisor::OpenLog() const {
  const ActAs as_server(options_.user);
  const Path& path = options_.definition.log_file;
  UniqueFd log(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log.valid()) return ErrnoError("open", path, errno);
  // one of direct mode is the server's alone, and the agent is of its group
  if (options_.user && fchmod(log.get(), 0640) != 0)
    return ErrnoError("set the mode of", path, errno);
  return log;
}

Status ServerSupervisor::Spawn() {
  ASSIGN_OR_RETURN(const UniqueFd log, OpenLog());
  ChildSpec spec;
  spec.name = options_.definition.command.name;
  spec.program = options_.definition.command.program;
  spec.arguments = options_.definition.command.arguments;
  spec.environment = options_.definition.command.environment;
  spec.stdout_fd = log.get();
  spec.stderr_fd = log.get();
  spec.outlive_agent = !options_.transient_nice;
  spec.background_nice = options_.transient_nice;
  spec.user = options_.user;
  spec.before_exec = [&](pid_t pid) { return Save(pid); };
  ASSIGN_OR_RETURN(SpawnedProcess spawned, SpawnProcess(spec));
  process_ = Process{spawned.pid, std::move(spawned.pid_fd), true};
  gave_up_ = false;
  Wake();
  return Ok();
}

bool ServerSupervisor::Adopt(const ServerRecord& record) {
  if (record.pid == 0) return false;
  UniqueFd fd = OpenProcess(record.pid, record.start_time);
  if (!fd.valid()) return false;
  process_ = Process{record.pid, std::move(fd), getsid(record.pid) == record.pid};
  Wake();
  return true;
}

std::optional<ServerRecord> ServerSupervisor::FindByPidFile() const {
  if (options_.definition.pid_file.empty()) return std::nullopt;
  const Result<std::string> text = [&] {
    const ActAs as_server(options_.user);
    return ReadFile(options_.definition.pid_file, 4096);
  }();
  if (!text.ok()) return std::nullopt;  // no server is running, then
  pid_t pid = 0;
  if (std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc() || pid <= 0)
    return std::nullopt;
  const std::optional<ProcessFacts> facts = ReadProcess(pid);
  struct stat owner {};
  if (!facts || stat(("/proc/" + std::to_string(pid)).c_str(), &owner) != 0 ||
      owner.st_uid != (options_.user ? options_.user->uid : geteuid())) {
    return std::nullopt;
  }
  std::error_code error;
  const Path program = std::filesystem::canonical(options_.definition.command.program, error);
  if (error || ProgramOf(pid) != program.native()) return std::nullopt;
  return ServerRecord{
      .should_run = true, .pid = pid, .start_time = facts->start_time, .boot_id = {}};
}

bool ServerSupervisor::WaitForEnd(std::unique_lock<std::mutex>& lock, std::stop_token stop,
                                  Deadline deadline) {
  return changed_.wait_until(lock, std::move(stop), deadline.time(), [&] { return !process_; });
}

Status ServerSupervisor::KillForGood(std::unique_lock<std::mutex>& lock) {
  const pid_t pid = process_->pid;
  if (options_.definition.kill_signal != SIGKILL) {
    SignalPidFd(process_->fd.get(), options_.definition.kill_signal);
    if (WaitForEnd(lock, {}, Deadline::After(kKillBudget))) return Ok();
  }
  // children in sessions of their own (PostgreSQL's) would stay
  ASSIGN_OR_RETURN(const std::vector<ProcessFacts> descendants, Descendants(pid));
  SignalPidFd(process_->fd.get(), SIGKILL);
  if (!WaitForEnd(lock, {}, Deadline::After(kKillBudget))) {
    return Error(Code::kInternal, "PROCESS_STAYS",
                 "unable to stop the server: process {} does not go", pid);
  }
  return KillAll(descendants, Deadline::After(kKillBudget));
}

}  // namespace dbagent::os
