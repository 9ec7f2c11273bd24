#include "agent/ctl/password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/base/unique_fd.h"

namespace dbagent::ctl {
namespace {

Status Usage(std::string message) {
  return Status(Code::kInvalidArgument, "USAGE", std::move(message));
}

// Up to the first newline or the end.
Result<Secret> ReadLine(int fd, const std::string& name) {
  std::string line;
  for (;;) {
    char c = 0;
    const ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return Usage(
          fmt::format("unable to read a password from '{}': {}", name, std::strerror(errno)));
    if (got == 0 || c == '\n') break;
    line += c;
    if (line.size() > 4096)
      return Usage(fmt::format("the password in '{}' is longer than 4096 bytes", name));
  }
  Secret secret(line);
  Wipe(line);
  return secret;
}

// Typed without echo on the terminal itself, whatever standard input is.
Result<Secret> Ask(const std::string& question) {
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC));
  termios shown{};
  if (!terminal.valid() || tcgetattr(terminal.get(), &shown) != 0) {
    return Usage(
        "there is no terminal to ask for a password on; use --password-file or --password-fd");
  }
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(terminal.get(), TCSAFLUSH, &hidden);
  const bool asked = write(terminal.get(), question.data(), question.size()) >= 0;
  Result<Secret> answer = ReadLine(terminal.get(), "the terminal");
  tcsetattr(terminal.get(), TCSAFLUSH, &shown);
  if (!asked || write(terminal.get(), "\n", 1) < 0) return Usage("unable to write to the terminal");
  return answer;
}

}  // namespace

Result<Secret> ReadPassword(const PasswordOptions& options, const std::string& whose,
                            bool required) {
  const int sources =
      (options.file.empty() ? 0 : 1) + (options.fd >= 0 ? 1 : 0) + (options.prompt ? 1 : 0);
  if (sources > 1) return Usage("give one of --password-file, --password-fd and --password-prompt");
  if (options.fd >= 0) return ReadLine(options.fd, fmt::format("descriptor {}", options.fd));
  if (options.file == "-") return ReadLine(STDIN_FILENO, "standard input");
  if (!options.file.empty()) {
    const UniqueFd file(open(options.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid())
      return Usage(fmt::format("unable to read a password from '{}': {}", options.file,
                               std::strerror(errno)));
    return ReadLine(file.get(), options.file);
  }
  if (!options.prompt) {
    if (required)
      return Usage("a password is needed: --password-file, --password-fd or --password-prompt");
    return Secret();
  }
  ASSIGN_OR_RETURN(Secret first, Ask(fmt::format("password for {}: ", whose)));
  ASSIGN_OR_RETURN(const Secret second, Ask("once more: "));
  if (!(first == second)) return Usage("the two passwords differ");
  return first;
}

}  // namespace dbagent::ctl
