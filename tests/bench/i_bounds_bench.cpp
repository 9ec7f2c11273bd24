// Bounds: the memory of a backup of eight gigabytes, and of one whose store stalls.
#include <gtest/gtest.h>

#include "tests/bench/memory_watch.h"
#include "tests/bench/speed.h"
#include "tests/support/scripted_store.h"

namespace dbagent::tests {
namespace {

class Bounds : public Speed {
 protected:
  void Fill() override {}
  void Measure(const std::string& what, const std::string& arguments) {
    MemoryWatch watch(agent_);
    Samples time;
    time.Time([&] { Backup(arguments); });
    Report(what, watch.Stop(), time.ToString());
  }
};

TEST_F(Bounds, MemoryOfEightGigabytes) {
  // MySQL copies its files first, so only the others are worth the time
  if (TheTraits().name == "mysql") GTEST_SKIP() << "measured on PostgreSQL and MariaDB";
  MakeBulk(agent_);
  Begin(true);
  int rows = 0;
  for (const int millions : {4, 28}) {
    for (; rows < millions * kRowsAtOnce; rows += kRowsAtOnce) AddBulkRows(agent_, rows);
    Measure(fmt::format("physical, {} million rows: memory", millions), "--physical");
    const v1::Backup made = Newest();
    Report("its source", fmt::format("{:.0f} MB", static_cast<double>(made.source_bytes()) / 1e6));
    Measure(fmt::format("logical, {} million rows: memory", millions), "--database bulk");
    DeleteAll();
  }
}

// Each of the first answers comes only after some seconds: everything is full, and waits.
TEST_F(Bounds, MemoryBesideAStoreThatStalls) {
  FillBulk(agent_, 4);
  ScriptedStore store;
  constexpr int kStalledRequests = 40;
  store.Next(
      [](const HeardRequest&, Reply&) {
        std::this_thread::sleep_for(std::chrono::seconds(3));
        return false;
      },
      kStalledRequests);
  AddObjectStores(store.url());
  Begin(true);
  Measure("physical, a store that stalls: memory", "--physical --store s3");
}

}  // namespace
}  // namespace dbagent::tests
