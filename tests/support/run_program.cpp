#include "tests/support/run_program.h"

#include <fcntl.h>

#include "agent/os/child_process.h"
#include "agent/os/files.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {

Result<std::string> RunProgram(const std::vector<std::string>& command, const std::string& input) {
  const TempDir directory;
  const os::Path in = directory / "in", out = directory / "out";
  RETURN_IF_ERROR(os::WriteFileAtomic(in, input, 0600));
  const UniqueFd in_fd(open(in.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd out_fd(open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!in_fd.valid() || !out_fd.valid()) return os::ErrnoError("open", in, errno);
  os::ChildSpec spec;
  spec.name = os::Path(command.front()).filename();
  spec.program = command.front();
  spec.arguments.assign(command.begin() + 1, command.end());
  spec.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}};
  spec.stdin_fd = in_fd.get();
  spec.stdout_fd = out_fd.get();
  ASSIGN_OR_RETURN(const auto child, os::ChildProcess::Spawn(spec));
  RETURN_IF_ERROR(
      os::WaitForSuccess(OpContext().WithBudget(std::chrono::minutes(2)), *child, spec.name));
  return os::ReadFile(out, 256U << 20U);
}

}  // namespace dbagent::tests
