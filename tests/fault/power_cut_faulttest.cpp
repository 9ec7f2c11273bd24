// The power cut: volume and store lie on a file system that loses what was not synced, at the
// points around a manifest and around the switch of generations. Afterwards the machine starts
// again: a backup is there whole or not at all, the server runs on one whole generation, the
// journal says what is true, and the next backup works.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "agent/os/files.h"
#include "tests/fault/halting_agent.h"
#include "tests/fault/power.h"
#include "tests/support/as_root.h"

namespace dbagent::tests {
namespace {

const AsRoot kStartKeeper(Power::StartKeeper);

class PowerCut : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::path place;
    if (const std::string why_not = Power::Mount(place); !why_not.empty())
      GTEST_SKIP() << "no file system whose power could be cut: " << why_not;
    it_.agent.volume_root = place / "v";
    it_.agent.store_directory = place / "store";
    it_.Start();
    it_.Prepare();
    contents_ = it_.Contents();
    mounted_ = true;
  }
  void TearDown() override {
    if (!mounted_) return;
    it_.agent.Stop();
    const pid_t server = it_.ServerPid();
    if (server > 0) kill(server, SIGKILL);
    EXPECT_EQ(Power::Release(), "");
  }

  // Answers the operation as the next life of the agent leaves it.
  v1::Operation CutAt(const std::string& point, const std::string& kind,
                      const std::function<v1::Operation()>& begin) {
    const std::string earlier = it_.NewestOf(kind).id();
    it_.Ask("stop", point);
    std::future<v1::Operation> begun = std::async(std::launch::async, begin);
    EXPECT_TRUE(it_.StandsThere()) << point;
    const pid_t server = it_.ServerPid();
    EXPECT_EQ(Power::Cut(), "");
    if (server > 0) kill(server, SIGKILL);
    it_.agent.Kill();
    begun.wait();
    // after a real one no process has the number that the server's own pid file names, not even one
    // that only waits to be reaped
    for (int i = 0; server > 0 && kill(server, 0) == 0 && i < 1000; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::filesystem::remove_all(it_.agent.run_directory());  // a machine forgets it
    EXPECT_EQ(Power::Return(), "");
    it_.Start();
    it_.agent.WaitForRecovery();
    EXPECT_TRUE(it_.agent.BecomesHealthy()) << it_.agent.log();
    const v1::Operation operation = it_.NewestOf(kind);
    EXPECT_NE(operation.id(), earlier) << "the journal forgot it";
    EXPECT_TRUE(operation.state() == v1::SUCCEEDED || operation.error().reason() == "INTERRUPTED")
        << operation.DebugString();
    std::printf("| %s | %s | %s |\n", kind.c_str(), point.c_str(),
                operation.state() == v1::SUCCEEDED
                    ? "succeeded"
                    : ("undone: " + operation.error().message()).c_str());
    return operation;
  }

  void ExpectAllIsWell() {
    EXPECT_EQ(it_.Contents(), contents_);
    for (const std::string& backup : it_.Backups()) {
      const v1::Operation verified = it_.Verify(backup);
      EXPECT_EQ(verified.state(), v1::SUCCEEDED) << verified.DebugString();
    }
    const v1::Operation next = it_.Backup(false, "tiny");
    EXPECT_EQ(it_.agent.Finish(it_.BeginDelete(next.backup_id())).state(), v1::SUCCEEDED);
    it_.ExpectNothingLeft();
  }

  std::vector<std::string> Points(const std::function<v1::Operation()>& begin,
                                  const std::set<std::string>& few) {
    std::vector<std::string> points =
        it_.PointsOf([&] { EXPECT_EQ(it_.agent.Finish(begin()).state(), v1::SUCCEEDED); });
    if (!Thorough()) {
      std::erase_if(points, [&](const std::string& point) { return !few.contains(point); });
      EXPECT_EQ(points.size(), few.size());
    }
    return points;
  }

  HaltingAgent it_;
  ClientSession::Table contents_;
  bool mounted_ = false;
};

// The instrument itself: otherwise the others would prove nothing.
TEST(PowerCutItself, LosesWhatWasNotSyncedAndKeepsWhatWas) {
  std::filesystem::path place;
  if (const std::string why_not = Power::Mount(place); !why_not.empty())
    GTEST_SKIP() << "no file system whose power could be cut: " << why_not;
  ASSERT_TRUE(os::WriteFileAtomic(place / "synced", "kept", 0600).ok());
  ASSERT_TRUE(os::WriteFileAtomic(place / "renamed", "old", 0600).ok());
  std::ofstream(place / "unsynced") << "lost";
  std::filesystem::rename(place / "renamed", place / "renamed again");
  EXPECT_EQ(Power::Cut(), "");
  EXPECT_FALSE(os::WriteFileAtomic(place / "after", "never", 0600).ok());
  EXPECT_EQ(Power::Return(), "");
  EXPECT_TRUE(std::filesystem::exists(place / "synced"));
  EXPECT_TRUE(std::filesystem::exists(place / "renamed"));
  EXPECT_FALSE(std::filesystem::exists(place / "renamed again"));
  EXPECT_FALSE(std::filesystem::exists(place / "unsynced"));
  EXPECT_FALSE(std::filesystem::exists(place / "after"));
  EXPECT_EQ(Power::Release(), "");
}

TEST_F(PowerCut, ABackupIsThereWholeOrNotAtAll) {
  for (const bool physical : {false, true}) {
    if (physical && !it_.HasCapability("physical_backup")) continue;
    const auto begin = [&] { return it_.BeginBackup(physical); };
    std::set<std::string> few;
    if (!physical) few = {"backup.before_manifest", "backup.manifest_written"};
    bool stored = false;
    for (const std::string& point : Points(begin, few)) {
      SCOPED_TRACE(point);
      stored = stored || point == "backup.manifest_written";
      const std::size_t before = it_.Manifests();
      const v1::Operation cut = CutAt(point, "backup.create", begin);
      const bool made = cut.state() == v1::SUCCEEDED;
      EXPECT_TRUE(made || !stored) << "the store said that it has it";
      EXPECT_EQ(it_.Manifests(), before + (made ? 1 : 0));
      ExpectAllIsWell();
    }
  }
}

TEST_F(PowerCut, ADeletionIsFinished) {
  if (!Thorough()) GTEST_SKIP() << "only in tests/run --all";
  const std::string first = it_.Backup(false).backup_id();
  const auto points = Points([&] { return it_.BeginDelete(first); }, {});
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    const std::string backup = it_.Backup(false).backup_id();
    const v1::Operation cut =
        CutAt(point, "backup.delete", [&] { return it_.BeginDelete(backup); });
    const auto left = it_.Backups();
    EXPECT_EQ(std::count(left.begin(), left.end(), backup), cut.state() == v1::SUCCEEDED ? 0 : 1);
    ExpectAllIsWell();
  }
}

TEST_F(PowerCut, TheServerRunsOnOneWholeGeneration) {
  if (!it_.HasCapability("physical_backup")) return;
  const std::string backup = it_.Backup(true).backup_id();
  const auto begin = [&] { return it_.BeginRestoreServer(backup); };
  it_.Create("newer");
  for (const std::string& point :
       Points(begin, {"restore_server.switched", "restore_server.started"})) {
    SCOPED_TRACE(point);
    it_.Create("newer");
    const v1::Operation cut = CutAt(point, "backup.restore_server", begin);
    EXPECT_EQ(it_.Exists("newer"), cut.state() != v1::SUCCEEDED);
    ExpectAllIsWell();
  }
}

}  // namespace
}  // namespace dbagent::tests
