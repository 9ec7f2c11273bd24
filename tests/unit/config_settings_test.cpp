#include <gtest/gtest.h>

#include "agent/config/settings.h"
#include "agent/os/files.h"
#include "tests/support/status_matchers.h"

namespace dbagent::config {
namespace {

constexpr const char* kGood = R"(instance:
  volume: /var/lib/dbagent
  runtime_directory: /run/dbagent
datastore:
  driver: mysql
  module_directory: /usr/lib/dbagent
local:
  socket: /run/dbagent/agent.sock
  peers:
    - {user: root, role: admin}
)";

std::string ProblemsOf(const std::string& yaml) {
  return FormatProblems("f", ParseSettings(yaml).problems);
}

TEST(Settings, ReadsAFileAndFillsInDefaults) {
  const Parsed parsed = ParseSettings(kGood);
  ASSERT_EQ(FormatProblems("f", parsed.problems), "");
  EXPECT_EQ(parsed.settings.datastore.port, 3306);
  EXPECT_EQ(parsed.settings.local.peers.at(0).uid, 0U);
  EXPECT_EQ(parsed.settings.limits.call_timeout, std::chrono::seconds(60));
  EXPECT_FALSE(parsed.settings.remote.has_value());
  EXPECT_TRUE(parsed.settings.roles.contains("viewer"));
}

TEST(Settings, MetricsAreServedToThisMachineAlone) {
  const auto read = [](const std::string& listen) {
    return ParseSettings(kGood + ("metrics: {listen: '" + listen + "'}\n"));
  };
  EXPECT_FALSE(ParseSettings(kGood).settings.metrics.has_value());
  for (const char* good : {"127.0.0.1:9187", "127.1.2.3:1", "[::1]:65535", "unix:/run/m.sock"}) {
    const Parsed parsed = read(good);
    EXPECT_EQ(FormatProblems("f", parsed.problems), "") << good;
    ASSERT_TRUE(parsed.settings.metrics.has_value()) << good;
    EXPECT_EQ(parsed.settings.metrics->text(), good);
  }
  for (const char* bad :
       {"0.0.0.0:9187", "192.168.1.1:9187", "[::]:9187", "[fe80::1]:9187", "localhost:9187", "9187",
        "127.0.0.1", "127.0.0.1:", "[::1]", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80/x",
        "unix:relative", "unix:", "http://127.0.0.1:80"}) {
    EXPECT_EQ(read(bad).problems.size(), 1U) << bad;
  }
  EXPECT_EQ(read("unix:/" + std::string(107, 'a')).problems.size(), 1U);
  EXPECT_NE(ProblemsOf(kGood + std::string("metrics: {}\n")), "");
}

TEST(Settings, TheExampleFileHasNoProblems) {
  ASSERT_OK_AND_ASSIGN(const std::string yaml,
                       os::ReadFile(DBAGENT_SOURCE_DIR "/agent/config/settings.example.yaml"));
  EXPECT_EQ(ProblemsOf(yaml), "");
}

TEST(Settings, TellsTenMistakesAtOnceEachWithItsPlaceAndAHint) {
  EXPECT_EQ(ProblemsOf(R"(instance:
  volume: var/lib/dbagent
  runtime_dir: /run/dbagent
datastore:
  driver: mysq
  module_directory: /usr/lib/dbagent
  port: 70000
  port: 3306
local:
  socket: /run/dbagent/agent.sock
  peers:
    - {user: nobody-of-this-machine, role: admin}
    - {user: root, role: amdin}
stores:
  - {name: a, kind: file, path: /a}
  - {name: a, kind: file, path: /b}
limits:
  message_bytes: 4
  call_timeout: soon
)"),
            R"(f:2:3: error: 'instance.runtime_directory' is missing
  hint: every setting is explained in settings.example.yaml
f:2:11: error: 'instance.volume' must be an absolute path, 'var/lib/dbagent' is not
  hint: begin it with /
f:3:3: error: unknown key 'instance.runtime_dir'
  hint: did you mean 'runtime_directory'?
f:5:11: error: 'datastore.driver' cannot be 'mysq'
  hint: did you mean 'mysql'?
f:7:9: error: 'datastore.port' must be between 1 and 65535, 70000 is not
f:8:3: error: 'datastore.port' stands twice
  hint: keep one of them
f:12:14: error: no OS user 'nobody-of-this-machine'
  hint: give a user's name or a number
f:13:26: error: no role 'amdin'
  hint: known roles: admin, viewer
f:16:5: error: there are two stores named 'a'
f:18:18: error: 'limits.message_bytes' must be a size with a unit, '4' is not
  hint: write it like 64MiB (units: B, KiB, MiB, GiB)
f:19:17: error: 'limits.call_timeout' must be a duration with a unit, 'soon' is not
  hint: write it like 30s (units: s, m, h)
)");
}

TEST(Settings, TellsWhereTheYamlBreaks) {
  EXPECT_EQ(
      ProblemsOf("instance:\n  volume: [/a\n"),
      "f:3:1: error: end of sequence flow not found\n  hint: this is not YAML from here on\n");
}

TEST(Settings, RefusesAFileThatIsNoMapping) {
  EXPECT_EQ(ProblemsOf("- a\n"),
            "f:1:1: error: the file must be a mapping of keys to values\n  hint: start from "
            "settings.example.yaml\n");
  EXPECT_NE(ProblemsOf(""), "");
}

TEST(Settings, KnowsTheMethodsOfARole) {
  EXPECT_EQ(ProblemsOf(std::string(kGood) +
                       "roles:\n  ops: [\"BackupService/*\", OperationService/Get]\n"),
            "");
  EXPECT_EQ(ProblemsOf(std::string(kGood) + "roles:\n  ops: [BackupServic/List]\n"),
            "f:12:8: error: role 'ops' has an unknown method 'BackupServic/List'\n  hint: write it "
            "like BackupService/List or BackupService/*\n");
}

TEST(Settings, RefusesASocketPathThatNoSocketCanHave) {
  std::string yaml = kGood;
  yaml.replace(yaml.find("/run/dbagent/agent.sock"), 23, "/" + std::string(120, 'x'));
  EXPECT_EQ(ProblemsOf(yaml),
            "f:8:11: error: 'local.socket' has 121 bytes, a socket's path can have 107\n");
}

}  // namespace
}  // namespace dbagent::config
