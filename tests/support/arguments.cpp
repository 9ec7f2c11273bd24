#include "tests/support/arguments.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace dbagent::tests {
namespace {
Arguments arguments;
}

const Arguments& TheArguments() {
  return arguments;
}

void ParseArguments(int argc, char** argv) {
  static constexpr std::string_view kServer = "--server=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(kServer)) {
      arguments.server = argument.substr(kServer.size());
    } else if (argument == kSeparateArgument) {
      arguments.separate = true;
    } else {
      std::fprintf(stderr, "unknown argument '%s'\n", argv[i]);
      std::exit(2);
    }
  }
}

}  // namespace dbagent::tests
