// Logical backups beside the dump tool alone, and of several databases one at a time and at once.
#include <gtest/gtest.h>

#include "tests/bench/speed.h"

namespace dbagent::tests {
namespace {

constexpr int kDatabases = 4;

class Logical : public Speed {
 protected:
  // `bulk`, and four of a quarter of it.
  void Fill() override {
    FillBulk(agent_, 2);
    for (int i = 0; i < kDatabases; ++i) {
      const std::string name = fmt::format("part{}", i);
      MakeBulk(agent_, name);
      AddBulkRows(agent_, 0, name);
    }
  }
};

TEST_F(Logical, OneDatabase) {
  Begin(true);
  Backup("--database bulk");
  const std::string dump = ToolsFor(agent_).dump + "bulk";
  Compare(
      "logical, encrypted: backup of one", [&] { Backup("--database bulk"); },
      "dump tool >/dev/null", [&] { Shell(dump + " >/dev/null"); });
  Compare(
      "logical, encrypted: backup of one", [&] { Backup("--database bulk"); },
      "dump tool | zstd -1 -T2 >/dev/null", [&] { Shell(dump + " | zstd -q -1 -T2 >/dev/null"); });
}

TEST_F(Logical, SeveralDatabases) {
  Begin(true);
  std::string names;
  for (int i = 0; i < kDatabases; ++i) names += fmt::format(" --database part{}", i);
  Backup(names);
  for (const char* at_once : {"2", "4"}) {
    Compare(
        fmt::format("logical, {} databases, {} at once", kDatabases, at_once),
        [&] { Backup(fmt::format("--parallel {}{}", at_once, names)); }, "one at a time",
        [&] { Backup("--parallel 1" + names); });
  }
}

}  // namespace
}  // namespace dbagent::tests
