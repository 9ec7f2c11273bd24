#include <gtest/gtest.h>

#include "agent/os/unit_environment.h"

namespace dbagent::os {
namespace {

// What systemd makes of it, tests/boot sees.
TEST(UnitEnvironment, HasTheServersEnvironmentAndItsArgumentsAsWords) {
  ToolDefinition server;
  server.arguments = {"-D", "/v/current/data", "-c", "log_line_prefix=%m [%p] "};
  server.environment = {{"LC_ALL", "C"}, {"TZ", "UTC"}};
  EXPECT_EQ(UnitEnvironment(server),
            "# Written by dbagent-helper, for the server's unit.\n"
            "LC_ALL=\"C\"\n"
            "TZ=\"UTC\"\n"
            "SERVER_ARGUMENTS=\"\\\"-D\\\" \\\"/v/current/data\\\" \\\"-c\\\" "
            "\\\"log_line_prefix=%m [%p] \\\"\"\n");
}

TEST(UnitEnvironment, KeepsQuotesBackslashesAndDollarsOfAnArgument) {
  ToolDefinition server;
  server.arguments = {R"(a="b" \ $c `d` 'e')"};
  EXPECT_EQ(UnitEnvironment(server),
            "# Written by dbagent-helper, for the server's unit.\n"
            R"(SERVER_ARGUMENTS="\"a=\\\"b\\\" \\\\ \$c \`d\` 'e'\"")"
            "\n");
}

}  // namespace
}  // namespace dbagent::os
