#pragma once

#include <string>

namespace dbagent::tests {

// What a test program was started with beside gtest's own flags.
struct Arguments {
  std::string server;     // --server=mariadb: which real server a contract suite runs against
  bool separate = false;  // --separate: agent and server are two OS users (root_part.h)
};
inline constexpr const char* kSeparateArgument = "--separate";
const Arguments& TheArguments();
void ParseArguments(int argc, char** argv);

}  // namespace dbagent::tests
