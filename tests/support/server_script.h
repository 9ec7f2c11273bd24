#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {

// Servers that a script of tests/servers/ keeps in a directory of its own: it says `ready WORD…` on
// one line once they answer, and ends them when its standard input ends, so also when this process
// dies. A failure to start ends the program.
class ServerScript {
 public:
  ServerScript(const std::string& name, const std::vector<std::string>& arguments);
  ~ServerScript();
  ServerScript(const ServerScript&) = delete;
  ServerScript& operator=(const ServerScript&) = delete;

  const std::vector<std::string>& words() const { return words_; }

 private:
  const TempDir directory_;
  pid_t script_ = -1;
  UniqueFd input_;
  std::vector<std::string> words_;
};

}  // namespace dbagent::tests
