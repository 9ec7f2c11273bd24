#include <gtest/gtest.h>

#include "datastores/mysql/bind_address.h"
#include "datastores/mysql/error_lines.h"
#include "datastores/mysql/memory.h"
#include "datastores/mysql/option_file.h"
#include "datastores/mysql/refused.h"
#include "datastores/mysql/system_values.h"
#include "datastores/mysql/template.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::mysql {
namespace {

using tests::ReasonOf;

const Dialect kMariaDb({"mysql", "MariaDB", "10.11.14", 10});
const Dialect kOldMariaDb({"mysql", "MariaDB", "10.6.20", 10});
const Dialect kMySql({"mysql", "MySQL", "9.7.4", 9});
constexpr std::uint64_t kMiB = 1U << 20U;

ServerSettings Settings(std::vector<std::string> addresses) {
  ServerSettings settings;
  settings.volume = os::Volume("/v\"ol\\ume");
  settings.runtime_directory = "/run/x";
  settings.bind_addresses = std::move(addresses);
  settings.port = 3307;
  return settings;
}

ConfigurationSet SetOf(const Dialect& dialect, std::uint64_t mib) {
  ConfigurationSet set;
  set.flavor = {mib * kMiB, 2};
  set.server_id = 7;
  set.template_values = TemplateValues(dialect, set.flavor);
  return set;
}

MemoryEstimate EstimateOf(const Dialect& dialect, const Values& values) {
  return EstimateMemory(dialect, [&](std::string_view name) {
    const auto found = values.find(std::string(name));
    return found == values.end() ? std::string() : found->second;
  });
}

TEST(MysqlLayers, TheTemplateFitsEveryFlavor) {
  for (const Dialect& dialect : {kMariaDb, kMySql}) {
    for (const std::uint64_t gib_eighths : {2, 3, 4, 6, 7, 8, 16, 24, 48, 96, 384, 512, 4096}) {
      const std::uint64_t memory = gib_eighths * 128 * kMiB;
      for (const std::uint32_t cores : {1U, 4U, 64U}) {
        const Values values = TemplateValues(dialect, {memory, cores});
        const MemoryEstimate estimate = EstimateOf(dialect, values);
        EXPECT_LE(estimate.total(), static_cast<WideInteger>(memory))
            << dialect.product() << " with " << memory / kMiB << " MiB: " << estimate.ToString();
        EXPECT_GE(std::stoull(values.at("max_connections")), 20U);
      }
    }
  }
}

TEST(MysqlLayers, TheBufferPoolTakesItsShare) {
  const auto pool = [](std::uint64_t mib) {
    return TemplateValues(kMariaDb, {mib * kMiB, 2}).at("innodb_buffer_pool_size");
  };
  EXPECT_EQ(pool(256), std::to_string(32 * kMiB));
  EXPECT_EQ(pool(512), std::to_string(64 * kMiB));
  EXPECT_EQ(pool(8192), std::to_string(4096 * kMiB));
  EXPECT_EQ(pool(0), pool(256));
}

TEST(MysqlLayers, ALittleMysqlGoesWithoutItsPerformanceSchema) {
  EXPECT_EQ(TemplateValues(kMySql, {384 * kMiB, 1}).at("performance_schema"), "OFF");
  EXPECT_EQ(TemplateValues(kMySql, {3072 * kMiB, 1}).at("performance_schema"), "ON");
}

TEST(MysqlLayers, TheRedoLogIsLargeEnoughForBackups) {
  const auto redo = [](const Dialect& dialect, std::uint64_t mib, const char* name) {
    ConfigurationSet set = SetOf(dialect, mib);
    set.group["innodb_buffer_pool_size"] = "5242880";  // a group does not shrink it
    const Result<Values> values = SystemValues(Settings({}), dialect, set);
    return values.ok() ? values->at(name) : values.status().reason();
  };
  EXPECT_EQ(redo(kMariaDb, 256, "innodb_log_file_size"), std::to_string(96 * kMiB));
  EXPECT_EQ(redo(kMariaDb, 8192, "innodb_log_file_size"), std::to_string(1024 * kMiB));
  EXPECT_EQ(redo(kMySql, 256, "innodb_redo_log_capacity"), std::to_string(16 * kMiB));
  EXPECT_EQ(redo(kMySql, 65536, "innodb_redo_log_capacity"), std::to_string(2048 * kMiB));
}

TEST(MysqlLayers, NoGroupMaySetWhatTheSystemSets) {
  for (const Dialect& dialect : {kMariaDb, kMySql}) {
    const Result<Values> values = SystemValues(Settings({}), dialect, SetOf(dialect, 512));
    ASSERT_OK(values);
    for (const auto& [name, value] : *values) {
      const auto refusal = RefusalOf(name);
      ASSERT_TRUE(refusal.has_value()) << name;
      EXPECT_EQ(refusal->access, ParameterAccess::kSystem) << name;
    }
    for (const auto& [name, value] : TemplateValues(dialect, {512 * kMiB, 2}))
      EXPECT_FALSE(RefusalOf(name).has_value()) << name;
  }
}

TEST(MysqlLayers, ListensWhereUsersMayComeFrom) {
  const std::vector<std::string> open = {"10.0.0.0/8", "::/0"};
  const auto bind = [](std::vector<std::string> addresses, const Dialect& dialect,
                       const std::vector<std::string>& networks) {
    const auto address = BindAddress(Settings(std::move(addresses)), dialect, networks);
    return address.ok() ? *address : address.status().reason();
  };
  EXPECT_EQ(bind({"192.0.2.1", "::1"}, kMySql, open), "192.0.2.1,::1");
  EXPECT_EQ(bind({"192.0.2.1", "*"}, kMariaDb, open), "*");
  EXPECT_EQ(bind({"*"}, kMariaDb, {}), "127.0.0.1");
  EXPECT_EQ(bind({"192.0.2.1", "::1"}, kOldMariaDb, open), "CONFIGURATION_INVALID");
  EXPECT_EQ(bind({"localhost"}, kMySql, {}), "CONFIGURATION_INVALID");
  for (const char* network :
       {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "x/8", "::/129", "10.0.0.0/8 ", "/8", ""})
    EXPECT_EQ(bind({"*"}, kMySql, {network}), "CONFIGURATION_INVALID") << network;
}

TEST(MysqlLayers, AValueStaysOneValue) {
  EXPECT_EQ(OptionValue("/v\"ol\\ume/current/data"), "\"/v\\\"ol\\\\ume/current/data\"");
  EXPECT_EQ(OptionValue("SET a='#'; b"), "\"SET a='#'; b\"");
  EXPECT_EQ(OptionValue("ON"), "ON");
  EXPECT_EQ(OptionValue(""), "\"\"");
  const auto text = OptionFileText(kMySql, "# mine\n", {{"time_zone", "+02:00"}});
  ASSERT_OK(text);
  EXPECT_EQ(*text, "# mine\n\n[mysqld]\ndefault_time_zone = +02:00\n");
  for (const std::string& bad : {std::string("1\nplugin_load = x"), std::string("a\0b", 3),
                                 std::string("\r"), std::string(3000, '"')})
    EXPECT_EQ(ReasonOf(OptionFileText(kMySql, "#", {{"init_connect", bad}})),
              "CONFIGURATION_INVALID");
}

TEST(MysqlLayers, ANameIsNoOtherOption) {
  for (const char* name : {"plugin_load = x #", "", "a b", "[client]", "!include /x", "A"})
    EXPECT_EQ(ReasonOf(OptionFileText(kMySql, "#", {{name, "1"}})), "CONFIGURATION_INVALID")
        << name;
}

TEST(MysqlLayers, AServersErrorsComeOnceAndFirst) {
  EXPECT_EQ(ErrorLines("2026-11-27 5:13:19 0 [Note] x\n2026-11-27 5:13:19 0 [ERROR] bad thing\n"
                       "2026-11-27 5:13:20 0 [ERROR] bad thing\n2026 [Warning] y\n"),
            "[ERROR] bad thing");
  EXPECT_EQ(ErrorLines("a\nb\nc\n\nd\ne\n"), "b; c; d; e");
  EXPECT_EQ(ErrorLines(""), "it said nothing");
}

}  // namespace
}  // namespace dbagent::datastore::mysql
