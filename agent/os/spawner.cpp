#include "agent/os/spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "agent/os/files.h"
#include "agent/os/fork_thread.h"
#include "agent/os/priority.h"
#include "agent/os/process.h"

namespace dbagent::os {
namespace {

struct PipeEnds {
  UniqueFd read_end, write_end;
};

Result<PipeEnds> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return Error(Code::kResourceExhausted, "SPAWN_FAILED", "unable to make a pipe: {}",
                 std::strerror(errno));
  }
  return PipeEnds{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// argv or envp: pointers into strings that stay where they are.
class CStrings {
 public:
  explicit CStrings(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

std::vector<std::string> ArgumentVector(const ChildSpec& spec) {
  std::vector<std::string> all = {spec.program};
  all.insert(all.end(), spec.arguments.begin(), spec.arguments.end());
  return all;
}

std::vector<std::string> EnvironmentVector(const ChildSpec& spec) {
  std::vector<std::string> all;
  all.reserve(spec.environment.size());
  for (const auto& [name, value] : spec.environment)
    all.push_back(fmt::format("{}={}", name, value));
  return all;
}

// Nothing when the child became the program.
std::optional<ForkFailure> ReadReport(int fd) {
  ForkFailure failure;
  ssize_t got = 0;
  do {
    got = read(fd, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) return failure;
  return std::nullopt;
}

Status FailureToStatus(const ChildSpec& spec, const ForkFailure& failure) {
  const char* text = std::strerror(failure.error);
  if (failure.in_directory) {
    return Error(Code::kFailedPrecondition, "EXEC_FAILED", "unable to run {}: directory '{}': {}",
                 spec.name, spec.working_directory, text);
  }
  const bool missing = failure.error == ENOENT || failure.error == ENOTDIR;
  return Error(missing ? Code::kNotFound : Code::kFailedPrecondition,
               missing ? "PROGRAM_NOT_FOUND" : "EXEC_FAILED", "unable to run {}: '{}': {}",
               spec.name, spec.program, text);
}

void EndUnexecuted(pid_t pid) {
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status CheckSpec(const ChildSpec& spec) {
  if (!spec.program.starts_with('/')) {
    return Error(Code::kInvalidArgument, "EXEC_FAILED",
                 "unable to run {}: '{}' is not an absolute path", spec.name, spec.program);
  }
  return Ok();
}

// Lets the child go on when before_exec agrees, and waits until it is the program.
Status Permit(const ChildSpec& spec, pid_t pid, PipeEnds& permission, PipeEnds& report) {
  permission.read_end.Reset();
  report.write_end.Reset();
  if (spec.before_exec) RETURN_IF_ERROR(spec.before_exec(pid));
  const char yes = 1;
  ssize_t put = 0;
  do {
    put = write(permission.write_end.get(), &yes, 1);
  } while (put < 0 && errno == EINTR);
  if (put != 1) {
    return Error(Code::kInternal, "SPAWN_FAILED",
                 "unable to run {}: its process ended before it began", spec.name);
  }
  if (const auto failure = ReadReport(report.read_end.get()))
    return FailureToStatus(spec, *failure);
  return Ok();
}

}  // namespace

Result<SpawnedProcess> SpawnProcess(const ChildSpec& spec) {
  RETURN_IF_ERROR(CheckSpec(spec));
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return ErrnoError("open", "/dev/null", errno);
  ASSIGN_OR_RETURN(PipeEnds permission, MakePipe());
  ASSIGN_OR_RETURN(PipeEnds report, MakePipe());
  PipeEnds errors;
  if (spec.stderr_fd < 0) {
    ASSIGN_OR_RETURN(errors, MakePipe());
  }
  const CStrings arguments(ArgumentVector(spec));
  const CStrings environment(EnvironmentVector(spec));

  ForkPlan plan{.program = spec.program.c_str(),
                .arguments = arguments.get(),
                .environment = environment.get(),
                .directory = spec.working_directory.c_str(),
                .descriptors = {{0, spec.stdin_fd < 0 ? null.get() : spec.stdin_fd},
                                {1, spec.stdout_fd < 0 ? null.get() : spec.stdout_fd},
                                {2, spec.stderr_fd < 0 ? errors.write_end.get() : spec.stderr_fd}},
                .permission = permission.read_end.get(),
                .report = report.write_end.get(),
                .die_with_agent = !spec.outlive_agent,
                .background_nice = spec.background_nice};
  if (spec.user) plan.user = {spec.user->uid, spec.user->gid};
  for (const auto& [target, source] : spec.more_fds) plan.descriptors.emplace_back(target, source);

  SpawnedProcess process;
  ASSIGN_OR_RETURN(process.pid, Fork(plan));
  process.pid_fd = OpenPidFd(process.pid);
  process.stderr_pipe = std::move(errors.read_end);
  Status permitted = process.pid_fd.valid()
                         ? Permit(spec, process.pid, permission, report)
                         : Error(Code::kResourceExhausted, "SPAWN_FAILED", "unable to run {}: {}",
                                 spec.name, std::strerror(errno));
  if (permitted.ok()) {
    if (spec.background_nice) YieldFurther(process.pid, *spec.background_nice);
    return process;
  }
  EndUnexecuted(process.pid);
  return permitted;
}

}  // namespace dbagent::os
