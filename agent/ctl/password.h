#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace dbagent::ctl {

// Where a password comes from. Never from the command line: every user of the machine can read
// that.
struct PasswordOptions {
  std::string file;  // its first line; `-`: standard input
  int fd = -1;       // an open descriptor, to its end or first newline
  bool prompt = false;
};

// Asks twice on the terminal when it prompts. USAGE when no source is given but one is `required`.
Result<Secret> ReadPassword(const PasswordOptions& options, const std::string& whose,
                            bool required);

}  // namespace dbagent::ctl
