#include <gtest/gtest.h>

#include "datastores/postgresql/budget.h"
#include "datastores/postgresql/layers.h"
#include "datastores/postgresql/system_values.h"
#include "datastores/postgresql/template.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

using tests::ReasonOf;

ServerSettings Settings() {
  ServerSettings settings;
  settings.volume = os::Volume("/srv/it's here");
  settings.runtime_directory = "/run/a, b";
  settings.os_user = "agent";
  settings.port = 5433;
  settings.bind_addresses = {"0.0.0.0", "::"};
  return settings;
}

std::string TextOf(const std::vector<ConfigurationFile>& files, const std::string& name) {
  for (const ConfigurationFile& file : files)
    if (file.name == name) return "\n" + file.text;
  return "";
}

RenderedSet Rendered(const ConfigurationSet& set) {
  auto rendered = RenderSet(Settings(), set, 7);
  EXPECT_OK(rendered);
  return rendered.ok() ? *std::move(rendered) : RenderedSet();
}

bool Holds(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(PostgresqlLayers, TheEntryFileIncludesTheFilesOfOneSetLaterOnesWinning) {
  const RenderedSet set = Rendered({});
  const std::string entry = TextOf(set.entries, "postgresql.conf");
  EXPECT_NE(entry.find("\ninclude 'sets/7/10-template.conf'\ninclude 'sets/7/20-group.conf'\n"
                       "include 'sets/7/90-system.conf'\n"),
            std::string::npos)
      << entry;
  EXPECT_EQ(set.entries.back().name, "postgresql.conf");
  EXPECT_TRUE(Holds(TextOf(set.layers, "postgresql.conf"), "include '20-group.conf'"));
  EXPECT_EQ(set.entries.size(), 3U);
}

TEST(PostgresqlLayers, QuotesPathsListsAndValues) {
  ConfigurationSet set;
  set.allowed_networks = {"10.0.0.0/8"};
  set.group = {{"search_path", R"("$user", 'a\b')"}};
  const RenderedSet rendered = Rendered(set);
  const std::string system = TextOf(rendered.layers, "90-system.conf");
  EXPECT_TRUE(Holds(system, "hba_file = '/srv/it''s here/config/pg_hba.conf'"));
  EXPECT_TRUE(Holds(system, "unix_socket_directories = '\"/run/a, b\"'"));
  EXPECT_TRUE(Holds(system, "listen_addresses = '0.0.0.0,::'"));
  const std::string group = TextOf(rendered.layers, "20-group.conf");
  EXPECT_TRUE(Holds(group, R"(search_path = '"$user", ''a\\b''')")) << group;
  EXPECT_NE(group.find("revision 7"), std::string::npos);
}

TEST(PostgresqlLayers, ListensOnTheLoopbackOnlyWhenNobodyMayComeFromElsewhere) {
  EXPECT_TRUE(
      Holds(TextOf(Rendered({}).layers, "90-system.conf"), "listen_addresses = '127.0.0.1,::1'"));
}

TEST(PostgresqlLayers, RefusesNamesAndValuesThatAreMoreThanALine) {
  const auto reason = [](const Values& group) {
    ConfigurationSet set;
    set.group = group;
    return ReasonOf(RenderSet(Settings(), set, 1));
  };
  EXPECT_EQ(reason({{"work_mem", "4096"}}), "OK");
  for (const std::string bad : {"", "a b", "a=b", "include 'x'", "#", "Work_Mem", "a\nb"})
    EXPECT_EQ(reason({{bad, "1"}}), "CONFIGURATION_INVALID") << bad;
  for (const std::string& bad :
       {std::string("1\nfsync = off"), std::string("\r"), std::string("1\0", 2)})
    EXPECT_EQ(reason({{"work_mem", bad}}), "CONFIGURATION_INVALID");
}

TEST(PostgresqlTemplate, TheSumIsNeverMoreThanTheMemory) {
  for (const std::uint64_t mebibytes :
       {256U, 384U, 512U, 768U, 1536U, 3072U, 6144U, 12288U, 49152U, 65536U, 1048576U}) {
    for (const std::uint32_t cores : {0U, 1U, 2U, 8U, 64U, 1000U}) {
      const Flavor flavor{mebibytes << 20U, cores};
      const Values values = TemplateValues(flavor), system = ConstantValues(Settings());
      const MemoryEstimate estimate = EstimateMemory([&](const std::string& name) -> std::string {
        if (system.contains(name)) return system.at(name);
        return values.contains(name) ? values.at(name) : "";
      });
      EXPECT_LE(estimate.total, static_cast<WideInteger>(flavor.memory_bytes) / 100 * 97)
          << mebibytes << " MiB, " << cores << " cores: " << estimate.ToString();
      EXPECT_GE(std::stoi(values.at("work_mem")), 256);
    }
  }
}

TEST(PostgresqlTemplate, SizesFitTheMemory) {
  const Values small = TemplateValues({256U << 20U, 2});
  EXPECT_EQ(small.at("shared_buffers"), "8192");  // 64 MiB
  EXPECT_EQ(small.at("max_connections"), "50");
  const Values large = TemplateValues({64ULL << 30U, 16});
  EXPECT_EQ(large.at("shared_buffers"), "2097152");  // 16 GiB
  EXPECT_EQ(large.at("max_connections"), "1000");
  EXPECT_EQ(large.at("maintenance_work_mem"), "1048576");
  EXPECT_EQ(large.at("max_parallel_workers"), "16");
  EXPECT_GT(std::stoi(large.at("work_mem")), 16 << 10U);
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
