#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace dbagent::tests {

// A program with `input` on its standard input; what it wrote to its standard output. At most two
// minutes. TOOL_FAILED with its last words.
Result<std::string> RunProgram(const std::vector<std::string>& command,
                               const std::string& input = "");

}  // namespace dbagent::tests
