#include "tests/support/server_script.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace dbagent::tests {
namespace {

[[noreturn]] void Die(const std::string& name, const std::string& why) {
  std::fprintf(stderr, "unable to start tests/servers/%s: %s\n", name.c_str(), why.c_str());
  std::abort();
}

}  // namespace

ServerScript::ServerScript(const std::string& name, const std::vector<std::string>& arguments) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) Die(name, "no pipe");
  std::vector<std::string> command = {DBAGENT_SOURCE_DIR "/tests/servers/" + name,
                                      directory_.path()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  script_ = fork();
  if (script_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  if (script_ < 0) Die(name, "no process");
  close(in[0]);
  close(out[1]);
  input_ = UniqueFd(in[1]);
  const UniqueFd output(out[0]);
  std::string line;  // the script itself bounds how long it takes
  for (char c = 0; read(output.get(), &c, 1) == 1 && c != '\n';) line += c;
  std::istringstream text(line);
  std::string word;
  if (!(text >> word) || word != "ready") Die(name, line.empty() ? "it said nothing" : line);
  while (text >> word) words_.push_back(word);
}

ServerScript::~ServerScript() {
  input_.Reset();
  int status = 0;
  waitpid(script_, &status, 0);  // it gives its servers some seconds each
}

}  // namespace dbagent::tests
