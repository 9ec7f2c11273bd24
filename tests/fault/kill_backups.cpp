// Backups, restores, keys: what becomes of one that is cut.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "dbagent/v1/key.grpc.pb.h"
#include "tests/fault/kill_scenario.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

std::string NewestBackup(AgentProcess& agent) {
  v1::ListBackupsResponse list;
  Call<BackupService>(agent, &BackupService::Stub::List, v1::ListBackupsRequest(), list);
  return list.backups().empty() ? "" : list.backups(0).id();
}

std::size_t BackupFolders(AgentProcess& agent) {
  const os::Path folder = agent.store_directory / agent.Instance().id();
  if (!std::filesystem::exists(folder)) return 0;
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

void TakeBackup(AgentProcess& agent) {
  v1::CreateBackupRequest request;
  request.add_databases("keep");
  RunOperation<BackupService>(agent, &BackupService::Stub::Create, request);
}

void UseKey(AgentProcess& agent, const std::string& id) {
  WriteKeys(agent);
  agent.more_settings.replace(agent.more_settings.find("active: new") + 8, 3, id);
  agent.Stop();
  agent.Start();
}

void RotateKeys(AgentProcess& agent) {
  RunOperation<v1::KeyService>(agent, &v1::KeyService::Stub::Rotate, v1::RotateKeysRequest());
}

void Sweep(AgentProcess& agent) {
  RunOperation<BackupService>(agent, &BackupService::Stub::Sweep, v1::SweepBackupsRequest());
}

void VerifyByRestore(AgentProcess& agent, const std::string& backup) {
  v1::VerifyBackupRequest request;
  request.set_id(backup);
  request.set_level(v1::VERIFY_LEVEL_RESTORE);
  RunOperation<BackupService>(agent, &BackupService::Stub::Verify, request);
}

// Nothing of a scratch server is left, and the backup is as good as before.
void CheckVerified(AgentProcess& agent, const std::string& backup, bool succeeded) {
  EXPECT_FALSE(std::filesystem::exists(agent.volume().scratch())) << agent.log();
  EXPECT_FALSE(std::filesystem::exists(agent.run_directory() / "scratch"));
  v1::GetBackupRequest request;
  request.set_id(backup);
  v1::Backup found;
  EXPECT_TRUE(Call<BackupService>(agent, &BackupService::Stub::Get, request, found).ok());
  EXPECT_FALSE(found.has_last_verify_error()) << found.DebugString();
  EXPECT_TRUE(found.last_verify().level() == v1::VERIFY_LEVEL_RESTORE || !succeeded);
}

// A backup that went on after a kill is whole, and nothing of the earlier attempts is left.
void CheckWhole(AgentProcess& agent) {
  const std::string backup = NewestBackup(agent);
  v1::VerifyBackupRequest request;
  request.set_id(backup);
  RunOperation<BackupService>(agent, &BackupService::Stub::Verify, request);
  v1::GetBackupRequest get;
  get.set_id(backup);
  v1::Backup found;
  ASSERT_TRUE(Call<BackupService>(agent, &BackupService::Stub::Get, get, found).ok());
  EXPECT_TRUE(found.has_last_verify_time()) << found.DebugString();
  EXPECT_FALSE(found.has_last_verify_error()) << found.DebugString();
  const os::Path folder = agent.store_directory / agent.Instance().id() / backup;
  for (const char* kind : {"chunks", "index"}) {
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / kind),
                            std::filesystem::directory_iterator()),
              found.streams_size())
        << kind;
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "in-progress"));
}

// What a backup leaves whose agent went away for good.
void Abandon(AgentProcess& agent, const std::string& like) {
  const os::Path folder = agent.store_directory / agent.Instance().id();
  const os::Path left = folder / "20200101T000000Z-000000000000";
  std::filesystem::copy(
      folder / like, left,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(left / "manifest");
  std::ofstream(left / "in-progress") << "{\"lease_until\":\"2020-01-01T00:10:00Z\"}\n";
}

v1::CreateBackupRequest Physical() {
  v1::CreateBackupRequest request;
  request.set_method(v1::BACKUP_METHOD_PHYSICAL);
  return request;
}

}  // namespace

std::vector<Scenario> BackupScenarios() {
  auto folders = std::make_shared<std::size_t>(0);
  auto backup = std::make_shared<std::string>();
  const auto take = [=](AgentProcess& agent) {
    TakeBackup(agent);
    *backup = NewestBackup(agent);
    *folders = BackupFolders(agent);
  };
  return {
      {"backup.create", [=](AgentProcess& agent) { *folders = BackupFolders(agent); }, TakeBackup,
       [=](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(BackupFolders(agent), *folders + (succeeded ? 1 : 0));
         if (succeeded) CheckWhole(agent);
       },
       false, "", /*goes_on=*/true},
      {"backup.restore",
       [=](AgentProcess& agent) {
         Drop(agent, {"k-restored"});
         take(agent);
       },
       [=](AgentProcess& agent) {
         v1::RestoreBackupRequest request;
         request.set_backup_id(*backup);
         request.add_databases()->set_database("keep");
         request.mutable_databases(0)->set_restore_as("k-restored");
         RunOperation<BackupService>(agent, &BackupService::Stub::Restore, request);
       },
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(Exists(agent, "k-restored"), succeeded);
       },
       false, "", /*goes_on=*/true},
      {"backup.restore_users",
       [=](AgentProcess& agent) {
         Create(agent, {"keep"});
         CreateUser(agent, "keep");
         RunOperation<BackupService>(agent, &BackupService::Stub::Create,
                                     v1::CreateBackupRequest());
         *backup = NewestBackup(agent);
         Drop(agent, DatabaseNames(agent));  // of the scenarios before too
         DropUser(agent);
       },
       [=](AgentProcess& agent) {
         v1::RestoreBackupRequest request;
         request.set_backup_id(*backup);
         request.set_with_users(true);
         RunOperation<BackupService>(agent, &BackupService::Stub::Restore, request);
       },
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(Exists(agent, "keep"), succeeded);
         EXPECT_EQ(UserExists(agent), succeeded);
         Create(agent, {"keep"});
       },
       false, "", /*goes_on=*/true},
      {"backup.delete", take,
       [=](AgentProcess& agent) {
         v1::DeleteBackupRequest request;
         request.set_id(*backup);
         RunOperation<BackupService>(agent, &BackupService::Stub::Delete, request);
       },
       [=](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(BackupFolders(agent), *folders - (succeeded ? 1 : 0));
       }},
      {"backup.verify", take,
       [=](AgentProcess& agent) {
         v1::VerifyBackupRequest request;
         request.set_id(*backup);
         RunOperation<BackupService>(agent, &BackupService::Stub::Verify, request);
       },
       [=](AgentProcess& agent, bool succeeded) {
         v1::GetBackupRequest request;
         request.set_id(*backup);
         v1::Backup found;
         EXPECT_TRUE(Call<BackupService>(agent, &BackupService::Stub::Get, request, found).ok());
         EXPECT_FALSE(found.has_last_verify_error());
         EXPECT_TRUE(found.has_last_verify_time() || !succeeded);
       }},
      {"backup.verify_restore", take, [=](AgentProcess& agent) { VerifyByRestore(agent, *backup); },
       [=](AgentProcess& agent, bool succeeded) { CheckVerified(agent, *backup, succeeded); },
       false, "backup.verify_restore"},
      {"keys.rotate",
       [=](AgentProcess& agent) {
         UseKey(agent, "old");
         take(agent);
         UseKey(agent, "new");
       },
       RotateKeys,
       [=](AgentProcess& agent, bool succeeded) {
         if (!succeeded) RotateKeys(agent);  // as it says: repeated, it ends the same
         std::vector<std::string> slots;
         for (const auto& entry : std::filesystem::directory_iterator(
                  agent.store_directory / agent.Instance().id() / *backup / "keys"))
           slots.push_back(entry.path().filename());
         EXPECT_EQ(slots, std::vector<std::string>{"new"});
         v1::VerifyBackupRequest request;
         request.set_id(*backup);
         v1::Operation verified;
         EXPECT_TRUE(
             Call<BackupService>(agent, &BackupService::Stub::Verify, request, verified).ok());
         EXPECT_EQ(agent.Finish(verified).state(), v1::SUCCEEDED);
       }},
      {"backup.sweep",
       [=](AgentProcess& agent) {
         take(agent);
         Abandon(agent, *backup);
       },
       Sweep,
       [=](AgentProcess& agent, bool succeeded) {
         if (!succeeded) Sweep(agent);  // whatever was cut, the next one ends it
         EXPECT_EQ(BackupFolders(agent), *folders);
       }},
  };
}

// The server as a whole: whatever was killed, it runs on one generation, with no other left.
std::vector<Scenario> PhysicalScenarios() {
  auto folders = std::make_shared<std::size_t>(0);
  auto backup = std::make_shared<std::string>();
  const auto take = [](AgentProcess& agent) {
    RunOperation<BackupService>(agent, &BackupService::Stub::Create, Physical());
  };
  return {
      {"backup.create", [=](AgentProcess& agent) { *folders = BackupFolders(agent); }, take,
       [=](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(BackupFolders(agent), *folders + (succeeded ? 1 : 0));
         if (succeeded) CheckWhole(agent);
       },
       false, "", /*goes_on=*/true},
      {"backup.verify_restore",
       [=](AgentProcess& agent) {
         take(agent);
         *backup = NewestBackup(agent);
       },
       [=](AgentProcess& agent) { VerifyByRestore(agent, *backup); },
       [=](AgentProcess& agent, bool succeeded) {
         CheckVerified(agent, *backup, succeeded);
         EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
       }},
      {"backup.create_verified", [=](AgentProcess& agent) { *folders = BackupFolders(agent); },
       [](AgentProcess& agent) {
         v1::CreateBackupRequest request = Physical();
         request.set_verify(v1::VERIFY_LEVEL_RESTORE);
         RunOperation<BackupService>(agent, &BackupService::Stub::Create, request);
       },
       [=](AgentProcess& agent, bool succeeded) {
         // whatever became of the verification, the backup had been made
         EXPECT_EQ(BackupFolders(agent), *folders + 1);
         CheckVerified(agent, NewestBackup(agent), succeeded);
       },
       false, "backup.verif"},
      {"backup.restore_server",
       [=](AgentProcess& agent) {
         Drop(agent, {"newer"});
         take(agent);
         *backup = NewestBackup(agent);
         Create(agent, {"newer"});
       },
       [=](AgentProcess& agent) {
         v1::RestoreBackupRequest request;
         request.set_backup_id(*backup);
         request.set_replace_everything(true);
         RunOperation<BackupService>(agent, &BackupService::Stub::Restore, request);
       },
       [=](AgentProcess& agent, bool succeeded) {
         EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
         EXPECT_EQ(Exists(agent, "newer"), !succeeded);
         EXPECT_TRUE(Exists(agent, "keep"));
         const auto numbers = agent.volume().Numbers();
         ASSERT_TRUE(numbers.ok()) << numbers.status().ToString();
         EXPECT_EQ(numbers->size(), 1U);
       },
       false, "", /*goes_on=*/true},
  };
}

}  // namespace dbagent::tests
