// Verification by restore: a scratch server beside the running one says whether a backup is good.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "agent/os/process.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::InstanceService;

template <typename Condition>
bool Within(std::chrono::seconds span, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

class VerifyRestore : public testing::TestWithParam<v1::BackupMethod> {
 protected:
  void SetUp() override {
    agent_.more_settings = "limits: {scratch_nice: 3}\n";  // other tests run beside it
    agent_.Start({{"DBAGENT_POINT_CONTROL", Control()}});
    agent_.PrepareWithApp({"shop", "a second"});
    for (const std::string& sql : TheTraits().many_rows) Ask(sql);
  }
  void TearDown() override { EXPECT_FALSE(std::filesystem::exists(ScratchVolume())); }

  ClientSession::Table Ask(const std::string& sql) {
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "shop"});
    EXPECT_TRUE(session.ok()) << session.status().ToString();
    if (!session.ok()) return {};
    auto rows = (*session)->Query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  v1::Operation Finish(const Outcome& outcome, const v1::Operation& operation) {
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return outcome.ok() ? agent_.Finish(operation) : operation;
  }
  v1::Operation Backup(v1::VerifyLevel verify) {
    v1::CreateBackupRequest request;
    request.set_method(GetParam());
    request.set_verify(verify);
    v1::Operation operation;
    const Outcome outcome =
        Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation);
    return Finish(outcome, operation);
  }
  Outcome AskToVerify(const std::string& backup, v1::Operation& operation) {
    v1::VerifyBackupRequest request;
    request.set_id(backup);
    request.set_level(v1::VERIFY_LEVEL_RESTORE);
    return Call<BackupService>(agent_, &BackupService::Stub::Verify, request, operation);
  }
  v1::Operation Verify(const std::string& backup) {
    v1::Operation operation;
    const Outcome outcome = AskToVerify(backup, operation);
    return Finish(outcome, operation);
  }
  v1::Backup Get(const std::string& backup) {
    v1::GetBackupRequest request;
    request.set_id(backup);
    v1::Backup found;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Get, request, found).reason, "OK");
    return found;
  }
  // Begins a verification that waits at a kill point until GoOn.
  v1::Operation HoldAt(const std::string& point, const std::string& backup) {
    std::ofstream(Control()) << "hold " << point << "\n";
    v1::Operation operation;
    EXPECT_EQ(AskToVerify(backup, operation).reason, "OK");
    EXPECT_TRUE(Within(std::chrono::seconds(60), [&] {
      return std::filesystem::exists(Reached());
    })) << agent_.log();
    return operation;
  }
  void GoOn() {
    std::filesystem::remove(Control());
    std::filesystem::remove(Reached());
  }
  os::Path Control() const { return agent_.home() / "control"; }
  os::Path Reached() const { return Control().native() + ".reached"; }
  os::Path ScratchVolume() const { return agent_.volume().scratch(); }
  // Those that work in the scratch volume.
  std::vector<pid_t> ScratchProcesses() const {
    std::vector<pid_t> found;
    const auto all = os::AllProcesses();
    EXPECT_TRUE(all.ok());
    for (const os::ProcessFacts& process : *all) {
      std::error_code error;
      const os::Path at =
          std::filesystem::read_symlink("/proc/" + std::to_string(process.pid) + "/cwd", error);
      if (!error && at.native().starts_with(ScratchVolume().native())) found.push_back(process.pid);
    }
    return found;
  }

  AgentProcess agent_;
};

TEST_P(VerifyRestore, AGoodBackupIsProvenBesideTheRunningServer) {
  const pid_t server = agent_.server_pid();
  Ask("CREATE TABLE written (n int)");
  std::atomic<bool> ended = false;
  std::atomic<int> writes = 0;
  std::thread writer([&] {
    while (!ended) {
      Ask("INSERT INTO written VALUES (1)");
      ++writes;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_RESTORE);
  ended = true;
  writer.join();
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString() << agent_.log();
  EXPECT_GT(writes, 3);
  EXPECT_EQ(agent_.server_pid(), server);
  const v1::Backup backup = Get(made.backup_id());
  EXPECT_TRUE(backup.has_last_verify_time());
  EXPECT_FALSE(backup.has_last_verify_error()) << backup.DebugString();
  EXPECT_EQ(backup.last_verify().level(), v1::VERIFY_LEVEL_RESTORE);
  EXPECT_GT(backup.last_verify().tables(), 1U);
  EXPECT_GT(backup.last_verify().databases(), 1U);
  EXPECT_GT(backup.last_verify().checks_size(), 0);
  EXPECT_NE(backup.last_verify().server_version(), "");
  const auto numbers = agent_.volume().Numbers();
  ASSERT_TRUE(numbers.ok());
  EXPECT_EQ(*numbers, std::vector<std::uint64_t>{1});
  EXPECT_EQ(Ask(fmt::format("SELECT count(*) FROM written")),
            (ClientSession::Table{{std::to_string(writes)}}));
}

TEST_P(VerifyRestore, OneAtATimeBesideBackupsAndWithALowPriority) {
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_UNSPECIFIED);
  const v1::Operation held = HoldAt("backup.verify_restore.filled", made.backup_id());
  const std::vector<pid_t> scratch = ScratchProcesses();
  EXPECT_FALSE(scratch.empty());
  for (const pid_t pid : scratch) {
    errno = 0;
    const int nice = getpriority(PRIO_PROCESS, static_cast<id_t>(pid));
    if (errno == 0) {
      EXPECT_EQ(nice, 3) << pid;
    }
  }
  v1::Operation second;
  EXPECT_EQ(AskToVerify(made.backup_id(), second).reason, "LOCK_HELD");
  EXPECT_EQ(Backup(v1::VERIFY_LEVEL_UNSPECIFIED).state(), v1::SUCCEEDED);
  EXPECT_EQ(agent_.Instance().state(), v1::HEALTHY);
  GoOn();
  EXPECT_EQ(agent_.Finish(held).state(), v1::SUCCEEDED) << agent_.log();
  EXPECT_TRUE(ScratchProcesses().empty());
}

TEST_P(VerifyRestore, ACancelledOneLeavesNothing) {
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_UNSPECIFIED);
  const v1::Operation held = HoldAt("backup.verify_restore.filled", made.backup_id());
  v1::CancelOperationRequest request;
  request.set_id(held.id());
  v1::Operation cancelled;
  EXPECT_EQ(
      Call<v1::OperationService>(agent_, &v1::OperationService::Stub::Cancel, request, cancelled)
          .reason,
      "OK");
  GoOn();
  EXPECT_EQ(agent_.Finish(held).state(), v1::CANCELLED) << agent_.log();
  EXPECT_TRUE(ScratchProcesses().empty());
  EXPECT_FALSE(Get(made.backup_id()).has_last_verify_time());
}

TEST_P(VerifyRestore, AKilledOneLeavesNothingAndSaysWhatToDo) {
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_UNSPECIFIED);
  const pid_t server = agent_.server_pid();
  const v1::Operation held = HoldAt("backup.verify_restore.filled", made.backup_id());
  agent_.Kill();
  GoOn();
  agent_.Start();
  agent_.WaitForRecovery();
  EXPECT_TRUE(ScratchProcesses().empty());
  EXPECT_EQ(agent_.server_pid(), server);
  const v1::Operation ended = agent_.Finish(held);
  EXPECT_EQ(ended.state(), v1::FAILED);
  EXPECT_EQ(ended.error().reason(), "INTERRUPTED");
  EXPECT_NE(ended.error().hint().find("--restore"), std::string::npos) << ended.DebugString();
}

TEST_P(VerifyRestore, OneWithAnAlteredObjectIsToldByItsName) {
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_UNSPECIFIED);
  os::Path chunk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (entry.path().extension() == ".zst") chunk = std::max(chunk, entry.path());
  }
  {
    std::fstream file(chunk, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('x');
  }
  const v1::Operation verified = Verify(made.backup_id());
  EXPECT_EQ(verified.state(), v1::FAILED);
  EXPECT_EQ(verified.error().reason(), "BACKUP_CORRUPT") << verified.DebugString();
  EXPECT_NE(verified.error().message().find(chunk.filename()), std::string::npos)
      << verified.DebugString();
  EXPECT_EQ(Get(made.backup_id()).last_verify_error().reason(), "BACKUP_CORRUPT");
}

INSTANTIATE_TEST_SUITE_P(Backups, VerifyRestore,
                         testing::Values(v1::BACKUP_METHOD_LOGICAL, v1::BACKUP_METHOD_PHYSICAL),
                         [](const auto& method) {
                           return method.param == v1::BACKUP_METHOD_LOGICAL ? "Logical"
                                                                            : "Physical";
                         });

// ---- data that was damaged before the backup was made, so that every digest fits it
// ----------------------------------------------------------------------------------------------

class VerifyDamaged : public VerifyRestore {
 protected:
  // Bytes of a table's file, while no server runs.
  void Overwrite(const os::Path& file, std::int64_t at, std::size_t count) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(stream.seekp(at)) << file;
    stream << std::string(count, '\x7f');
    ASSERT_TRUE(stream.flush()) << file;
  }
  template <typename Request>
  void Run(grpc::Status (InstanceService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                         v1::Operation*)) {
    v1::Operation operation;
    const Outcome outcome = Call<InstanceService>(agent_, method, Request(), operation);
    ASSERT_EQ(Finish(outcome, operation).state(), v1::SUCCEEDED);
  }
  os::Path Data() const { return agent_.volume().current() / "data"; }

  void DamagePostgresql() {
    const std::string file = Ask("SELECT pg_relation_filepath('t')")[0][0];
    Run<v1::StopInstanceRequest>(&InstanceService::Stub::Stop);
    // so that the pages' checksums fit the damage too
    const std::string checksums = "/usr/lib/postgresql/15/bin/pg_checksums";
    const std::string data = std::filesystem::canonical(Data());
    const auto off = RunProgram({checksums, "--disable", "--no-sync", "--pgdata", data});
    ASSERT_TRUE(off.ok()) << off.status().ToString();
    Overwrite(Data() / file, 3 * 8192 + 40, 8);  // line pointers
    const auto on = RunProgram({checksums, "--enable", "--no-sync", "--pgdata", data});
    ASSERT_TRUE(on.ok()) << on.status().ToString();
  }
  void DamageMysql() {
    if (TheTraits().name == "mysql") {
      Run<v1::StopInstanceRequest>(&InstanceService::Stub::Stop);
      Overwrite(Data() / "shop/t.ibd", 40 * 16384 + 8000, 64);
      return;
    }
    // mariadb-backup itself looks at InnoDB's pages
    Ask("CREATE TABLE m (n int PRIMARY KEY, h char(32)) ENGINE = MyISAM SELECT n, h FROM t");
    Run<v1::StopInstanceRequest>(&InstanceService::Stub::Stop);
    Overwrite(Data() / "shop/m.MYI", 1024 + 100, 400);
  }
};

TEST_P(VerifyDamaged, TheTableIsNamed) {
  if (TheTraits().kind == "postgresql") {
    DamagePostgresql();
  } else {
    DamageMysql();
  }
  Run<v1::StartInstanceRequest>(&InstanceService::Stub::Start);
  const v1::Operation made = Backup(v1::VERIFY_LEVEL_RESTORE);
  EXPECT_EQ(made.state(), v1::FAILED);
  EXPECT_EQ(made.error().reason(), "BACKUP_DAMAGED") << made.DebugString();
  EXPECT_NE(made.error().message().find("is there"), std::string::npos) << made.DebugString();
  const v1::Backup backup = Get(made.backup_id());
  EXPECT_EQ(backup.last_verify_error().reason(), "BACKUP_DAMAGED");
  ASSERT_GT(backup.last_verify().findings_size(), 0);
  std::printf("%s\n", backup.last_verify().DebugString().c_str());
  EXPECT_EQ(backup.last_verify().findings(0).database(), "shop");
  const std::string& object = backup.last_verify().findings(0).object();
  EXPECT_TRUE(object == "public.t" || object == "t" || object == "m") << object;
  EXPECT_GT(backup.last_verify().tables(), 1U);  // the others were looked at too
}

INSTANTIATE_TEST_SUITE_P(Backups, VerifyDamaged, testing::Values(v1::BACKUP_METHOD_PHYSICAL),
                         [](const auto&) { return "Physical"; });

}  // namespace
}  // namespace dbagent::tests
