// Physical backups of any datastore.
#include <atomic>
#include <thread>

#include "tests/contract/physical_test.h"
#include "tests/support/processes.h"

namespace dbagent::tests {
namespace {

constexpr int kAccounts = 200;

class PhysicalContract : public PhysicalTest {
 protected:
  void MakeAccounts() {
    std::string rows;
    for (int id = 1; id <= kAccounts; ++id)
      rows += fmt::format("{}({}, 1000)", id == 1 ? "" : ", ", id);
    Run({"CREATE TABLE accounts (id int PRIMARY KEY, amount int)",
         "INSERT INTO accounts VALUES " + rows});
  }
  // Moves amounts between accounts, one transaction each, until `ended`.
  void Transfer(unsigned seed, const std::atomic<bool>& ended) {
    const auto session = Root();
    ASSERT_NE(session, nullptr);
    for (unsigned n = seed; !ended; n = n * 1103515245U + 12345U) {
      const unsigned a = n / 65536U % kAccounts, b = (a + 1 + n % 7) % kAccounts;
      ASSERT_OK(session->Query("BEGIN"));
      // in one order, so that two never wait for each other
      for (const auto& [id, change] : {std::pair(std::min(a, b), -1), std::pair(std::max(a, b), 1)})
        ASSERT_OK(session->Query(
            fmt::format("UPDATE accounts SET amount = amount + {} WHERE id = {}", change, id + 1)));
      ASSERT_OK(session->Query("COMMIT"));
      ++transfers_;
    }
  }
  std::atomic<int> transfers_ = 0;
  // Tables come, are filled, and go.
  void ChangeTables(const std::atomic<bool>& ended) {
    const auto session = Root();
    ASSERT_NE(session, nullptr);
    for (int i = 0; !ended; ++i) {
      const std::string table = fmt::format("passing_{}", i);
      ASSERT_OK(session->Query("CREATE TABLE " + table + " (n int PRIMARY KEY)"));
      ASSERT_OK(session->Query("INSERT INTO " + table + " VALUES (1), (2)"));
      ASSERT_OK(session->Query("ALTER TABLE " + table + " ADD COLUMN m int"));
      if (i % 3 != 0) {
        ASSERT_OK(session->Query("DROP TABLE " + table));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
};

TEST_F(PhysicalContract, ABackupWhileMuchIsWrittenHoldsWholeTransactions) {
  MakeAccounts();
  Run(TheTraits().many_rows);
  const ClientSession::Table rows = Ask(TheTraits().sum_of_rows);
  std::atomic<bool> ended = false;
  std::vector<std::thread> writers;
  for (const unsigned seed : {1U, 2U}) writers.emplace_back([&, seed] { Transfer(seed, ended); });
  writers.emplace_back([&] { ChangeTables(ended); });
  for (int waits = 0; waits < 3000 && transfers_ < 20; ++waits)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  KeptArchives kept;
  const Result<datastore::PhysicalFacts> facts = engine().Take(ctx(), kept);
  ended = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_OK(facts);
  EXPECT_FALSE(facts->tool.empty());
  Run({"UPDATE accounts SET amount = 0", "DROP TABLE t"});

  ASSERT_OK(Restore(kept, *facts));
  EXPECT_EQ(Ask("SELECT COUNT(*), SUM(amount) FROM accounts"),
            (ClientSession::Table{{std::to_string(kAccounts), std::to_string(kAccounts * 1000)}}));
  EXPECT_NE(Ask("SELECT COUNT(*) FROM accounts WHERE amount <> 1000"),
            (ClientSession::Table{{"0"}}))
      << "nothing was written meanwhile";
  EXPECT_EQ(Ask(TheTraits().sum_of_rows), rows);
  if (TheTraits().kind == "mysql") {
    for (const auto& table : Ask("SHOW TABLES")) {
      const ClientSession::Table said = Ask("CHECK TABLE `" + table[0] + "` EXTENDED");
      ASSERT_FALSE(said.empty());
      EXPECT_EQ(said.back()[3], "OK") << table[0];
    }
  }
  ASSERT_OK(engine().Settle(ctx()));  // idempotent
}

TEST_F(PhysicalContract, ACancelledBackupLeavesNothingAndTheNextOneWorks) {
  MakeAccounts();
  Run(TheTraits().bulk_data);
  const std::size_t children = Children();
  for (const int at : {1, 3, 60}) {
    SCOPED_TRACE(at);
    const auto stop = std::make_shared<StopSwitch>();
    KeptArchives kept;
    int writes = 0;
    kept.on_write = [&] {
      if (++writes == at) stop->RequestStop(StopReason::kCancelled);
    };
    const auto facts = engine().Take(OpContext(stop, Deadline::Never(), "", nullptr), kept);
    EXPECT_EQ(ReasonOf(facts), "CANCELLED");
    EXPECT_EQ(Children(), children);
    EXPECT_FALSE(server().Sees(staging()));
    // nothing is locked: neither data nor structure
    Run({"UPDATE accounts SET amount = amount + 1", "CREATE TABLE after (n int)",
         "DROP TABLE after"});
  }
  KeptArchives kept;
  ASSERT_OK(engine().Take(ctx(), kept));
  EXPECT_EQ(Children(), children);
  EXPECT_FALSE(server().Sees(staging()));
}

TEST_F(PhysicalContract, AnUnknownArchiveIsRefused) {
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  kept.archives.resize(1);
  kept.archives[0].first = "other.archive";
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
  EXPECT_EQ(ReasonOf(UnpackAll(generation, kept, facts.notes)), "ARCHIVE_REFUSED");
}

TEST_F(PhysicalContract, ACutArchiveIsTold) {
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  kept.archives[0].second.resize(kept.archives[0].second.size() / 2);
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
  EXPECT_EQ(ReasonOf(UnpackAll(generation, kept, facts.notes)), "ARCHIVE_CORRUPT");
}

}  // namespace
}  // namespace dbagent::tests
