// Physical backups of the real agent: everything lost, everything back.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

// A prepared instance of its own for each test, since each loses everything.
class Physical : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.PrepareWithApp({"shop"});
    for (const std::string& sql : TheTraits().many_rows) Run(sql);
  }

  ClientSession::Table Ask(const std::string& sql) {
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "shop"});
    EXPECT_TRUE(session.ok()) << session.status().ToString();
    if (!session.ok()) return {};
    auto rows = (*session)->Query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  void Run(const std::string& sql) { Ask(sql); }
  ClientSession::Table Sum() { return Ask(TheTraits().sum_of_rows); }

  v1::Operation Backup() {
    v1::CreateBackupRequest request;
    request.set_method(v1::BACKUP_METHOD_PHYSICAL);
    v1::Operation operation;
    const Outcome outcome =
        Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return outcome.ok() ? agent_.Finish(operation) : operation;
  }
  Outcome AskToRestore(const std::string& backup, bool replace, v1::Operation& operation) {
    v1::RestoreBackupRequest request;
    request.set_backup_id(backup);
    request.set_replace_everything(replace);
    return Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation);
  }
  v1::Operation Restore(const std::string& backup) {
    v1::Operation operation;
    const Outcome outcome = AskToRestore(backup, true, operation);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return outcome.ok() ? agent_.Finish(operation) : operation;
  }
  std::vector<std::uint64_t> Generations() {
    Result<std::vector<std::uint64_t>> numbers = agent_.volume().Numbers();
    EXPECT_TRUE(numbers.ok()) << numbers.status().ToString();
    return numbers.ok() ? *std::move(numbers) : std::vector<std::uint64_t>();
  }

  // Restores, and takes away what the new server cannot start without when its files are complete.
  v1::Operation RestoreWhatDoesNotStart(const std::string& backup) {
    const os::Path control = agent_.home() / "control", reached = control.native() + ".reached";
    agent_.Stop();
    agent_.Start({{"DBAGENT_POINT_CONTROL", control}});
    std::ofstream(control) << "hold restore_server.completed\n";
    v1::Operation operation;
    EXPECT_EQ(AskToRestore(backup, true, operation).reason, "OK");
    for (int i = 0; i < 600 && !std::filesystem::exists(reached); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const os::Path data = agent_.volume().generation(2).data;
    const os::Path file = data / (TheTraits().kind == "mysql" ? "ibdata1" : "global/pg_control");
    EXPECT_TRUE(agent_.AsServer("rm '" + file.native() + "'").ok());
    std::filesystem::remove(reached);
    return agent_.Finish(operation);
  }

  AgentProcess agent_;
};

TEST_F(Physical, EverythingLostComesBack) {
  const ClientSession::Table before = Sum();
  const v1::Operation made = Backup();
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  Run("DROP TABLE t");
  for (const std::string& name : TheTraits().vital_files)
    ASSERT_TRUE(
        agent_.AsServer("rm -r '" + (agent_.volume().current() / "data" / name).native() + "'")
            .ok());
  const v1::Operation restored = Restore(made.backup_id());
  ASSERT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString() << agent_.log();
  EXPECT_EQ(Sum(), before);
  Run("CREATE TABLE written_again (n int)");
  EXPECT_EQ(Generations(), std::vector<std::uint64_t>{2});
  // and the restored server can be backed up and restored again
  const v1::Operation again = Backup();
  ASSERT_EQ(again.state(), v1::SUCCEEDED) << again.DebugString();
  ASSERT_EQ(Restore(again.backup_id()).state(), v1::SUCCEEDED);
  EXPECT_EQ(Sum(), before);
}

TEST_F(Physical, IsNotRestoredWithoutTheWord) {
  const v1::Operation made = Backup();
  v1::Operation operation;
  const Outcome outcome = AskToRestore(made.backup_id(), false, operation);
  EXPECT_EQ(outcome.reason, "CONFIRMATION_REQUIRED");
  EXPECT_NE(outcome.hint, "");
}

TEST_F(Physical, OneThatWasAlteredIsRefusedAndTheServerRunsOn) {
  const v1::Operation made = Backup();
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  const pid_t server = agent_.server_pid();
  os::Path chunk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (entry.path().extension() == ".zst") chunk = std::max(chunk, entry.path());
  }
  ASSERT_FALSE(chunk.empty());
  {
    std::fstream file(chunk, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('x');
  }
  const v1::Operation restored = Restore(made.backup_id());
  EXPECT_EQ(restored.state(), v1::FAILED);
  EXPECT_EQ(restored.error().reason(), "BACKUP_CORRUPT");
  EXPECT_NE(restored.error().message().find(".zst"), std::string::npos) << restored.DebugString();
  EXPECT_EQ(agent_.server_pid(), server);
  EXPECT_EQ(Generations(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(Sum()[0][0], "50000");
}

TEST_F(Physical, AServerThatDoesNotStartOnTheBackupGoesBackToItsOldFiles) {
  const v1::Operation made = Backup();
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  Run("CREATE TABLE newer (n int)");
  const v1::Operation restored = RestoreWhatDoesNotStart(made.backup_id());
  EXPECT_EQ(restored.state(), v1::FAILED) << restored.DebugString();
  EXPECT_EQ(restored.error().reason(), "SERVER_START_FAILED") << restored.DebugString();
  EXPECT_TRUE(agent_.BecomesHealthy());
  EXPECT_EQ(Ask("SELECT count(*) FROM newer"), (ClientSession::Table{{"0"}}));
  EXPECT_EQ(Generations(), std::vector<std::uint64_t>{1});
}

}  // namespace
}  // namespace dbagent::tests
