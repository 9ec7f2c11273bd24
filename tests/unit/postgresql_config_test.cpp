#include <gtest/gtest.h>

#include "datastores/postgresql/config.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

ServerSettings Settings() {
  ServerSettings settings;
  settings.volume = os::Volume("/srv/it's here");
  settings.runtime_directory = "/run/a, b";
  settings.os_user = "all";  // also a keyword of pg_hba.conf
  settings.port = 5433;
  settings.bind_addresses = {"0.0.0.0", "::"};
  return settings;
}

TEST(PostgresqlConfig, TheAgentComesOnlyByItsSocketAndOthersOnlyFromAllowedNetworks) {
  EXPECT_EQ(
      HostConfiguration(Settings(), {{256U << 20U, 2}, 0, {"10.0.0.0/8", "2001:db8::/32"}, {}, {}}),
      "# Written by dbagentd; changes made here are lost.\n"
      "local all \"all\" peer\n"
      "local all \"dbagent-loader-1\",\"dbagent-loader-2\",\"dbagent-loader-3\","
      "\"dbagent-loader-4\" peer map=dbagent\n"
      "local replication \"all\" peer\n"
      "local replication all reject\n"
      "local all all scram-sha-256\n"
      "host all \"all\",\"dbagent-loader-1\",\"dbagent-loader-2\",\"dbagent-loader-3\","
      "\"dbagent-loader-4\" all reject\n"
      "host replication all all reject\n"
      "host all all 127.0.0.1/32 scram-sha-256\n"
      "host all all ::1/128 scram-sha-256\n"
      "host all all 10.0.0.0/8 scram-sha-256\n"
      "host all all 2001:db8::/32 scram-sha-256\n");
}

TEST(PostgresqlConfig, OnlyTheAgentsOsUserMayBeALoader) {
  EXPECT_EQ(IdentConfiguration(Settings()),
            "# Written by dbagentd; changes made here are lost.\n"
            "dbagent \"all\" \"dbagent-loader-1\"\n"
            "dbagent \"all\" \"dbagent-loader-2\"\n"
            "dbagent \"all\" \"dbagent-loader-3\"\n"
            "dbagent \"all\" \"dbagent-loader-4\"\n");
}

TEST(PostgresqlConfig, RefusesWhatIsNoNetworkOrAddress) {
  const auto reason = [](const ServerSettings& settings, const std::string& network) {
    return ReasonOf(CheckConfiguration(settings, {{256U << 20U, 2}, 0, {network}, {}, {}}));
  };
  for (const std::string good : {"0.0.0.0/0", "::/0", "10.1.2.3/32", "fe80::1/64"})
    EXPECT_EQ(reason(Settings(), good), "OK") << good;
  for (const std::string& bad :
       {std::string("10.0.0.0"), std::string("10.0.0.0/"), std::string("10.0.0.0/33"),
        std::string("::/129"), std::string("10.0.0.0/8 "), std::string("10.0.0.0/-1"),
        std::string("a/8"), std::string("1.1.1.1/8\0x", 10)}) {
    EXPECT_EQ(reason(Settings(), bad), "CONFIGURATION_INVALID") << bad;
  }
  ServerSettings settings = Settings();
  settings.bind_addresses = {"localhost"};
  EXPECT_EQ(reason(settings, "10.0.0.0/8"), "CONFIGURATION_INVALID");
  settings = Settings();
  settings.runtime_directory = std::string(100, 'x');
  EXPECT_EQ(reason(settings, "10.0.0.0/8"), "CONFIGURATION_INVALID");
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
