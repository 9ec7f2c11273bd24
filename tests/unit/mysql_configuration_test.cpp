#include <gtest/gtest.h>

#include "datastores/mysql/configuration.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::mysql {
namespace {

const Dialect kMariaDb({"mysql", "MariaDB", "10.11.14", 10});
const Dialect kOldMariaDb({"mysql", "MariaDB", "10.6.20", 10});
const Dialect kMySql({"mysql", "MySQL", "9.7.4", 9});

ServerSettings Settings(std::vector<std::string> addresses) {
  ServerSettings settings;
  settings.volume = os::Volume("/v\"ol\\ume");
  settings.runtime_directory = "/run/x";
  settings.bind_addresses = std::move(addresses);
  settings.port = 3307;
  return settings;
}

std::string Text(const ServerSettings& settings, const Dialect& dialect,
                 const ConfigureSpec& spec) {
  const Result<std::string> text = ConfigurationText(settings, dialect, spec);
  return text.ok() ? *text : text.status().reason();
}

bool Has(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(MysqlConfiguration, ListensWhereUsersMayComeFrom) {
  const ConfigureSpec open{1U << 30U, {"10.0.0.0/8", "::/0"}};
  EXPECT_TRUE(
      Has(Text(Settings({"192.0.2.1", "::1"}), kMySql, open), "bind-address = 192.0.2.1,::1"));
  EXPECT_TRUE(Has(Text(Settings({"192.0.2.1", "*"}), kMariaDb, open), "bind-address = *"));
  EXPECT_TRUE(Has(Text(Settings({"*"}), kMariaDb, {1U << 30U, {}}), "bind-address = 127.0.0.1"));
  EXPECT_EQ(Text(Settings({"192.0.2.1", "::1"}), kOldMariaDb, open), "CONFIGURATION_INVALID");
}

TEST(MysqlConfiguration, RefusesAddressesAndNetworksThatAreNone) {
  EXPECT_EQ(Text(Settings({"localhost"}), kMySql, {1U << 30U, {}}), "CONFIGURATION_INVALID");
  for (const char* network :
       {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "x/8", "::/129", "10.0.0.0/8 ", "/8", ""}) {
    EXPECT_EQ(Text(Settings({"*"}), kMySql, {1U << 30U, {network}}), "CONFIGURATION_INVALID")
        << network;
  }
}

TEST(MysqlConfiguration, FitsTheMemory) {
  const auto pool = [](std::uint64_t mib) {
    return Text(Settings({}), kMariaDb, {mib << 20U, {}});
  };
  EXPECT_TRUE(Has(pool(0), "innodb-buffer-pool-size = 16777216"));
  EXPECT_TRUE(Has(pool(512), "innodb-buffer-pool-size = 67108864"));
  EXPECT_TRUE(Has(pool(8192), "innodb-buffer-pool-size = 4294967296"));
}

TEST(MysqlConfiguration, QuotesPaths) {
  EXPECT_TRUE(
      Has(Text(Settings({}), kMySql, {0, {}}), "datadir = \"/v\\\"ol\\\\ume/current/data\""));
}

}  // namespace
}  // namespace dbagent::datastore::mysql
