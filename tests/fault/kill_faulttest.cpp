// The kill matrix: the agent is killed (SIGKILL) at every kill point that a call passes, and
// started again. Each time the journal must tell the truth, the server must run, nothing may be
// left behind, and the next call must work.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>

#include "agent/os/files.h"
#include "dbagent/v1/configuration.grpc.pb.h"
#include "dbagent/v1/key.grpc.pb.h"
#include "tests/fault/halting_agent.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;
using v1::InstanceService;
using v1::UserService;

const char* const kOldPassword = "old password";
const char* const kNewPassword = "new password";

struct Scenario {
  std::string kind;
  std::function<void(AgentProcess&)>
      before;  // brings about what the call needs; the agent is not going to be killed
  std::function<void(AgentProcess&)> call;  // its outcome does not matter: the agent may be gone
  std::function<void(AgentProcess&, bool succeeded)> truth;
  bool fails = false;     // the call is meant to fail, whether the agent is killed or not
  std::string only = {};  // the points that begin so; the others are those of another scenario
  bool goes_on = false;   // once its plan is journalled it succeeds, killed or not
};

// ---- small calls
// ----------------------------------------------------------------------------------------------------

bool Exists(AgentProcess& agent, const std::string& database) {
  v1::GetDatabaseRequest request;
  request.set_name(database);
  v1::Database found;
  return Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found).ok();
}

void Create(AgentProcess& agent, const std::vector<std::string>& names) {
  v1::CreateDatabasesRequest request;
  for (const std::string& name : names) request.add_databases()->set_name(name);
  v1::CreateDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::Create, request, response);
}

void Drop(AgentProcess& agent, const std::vector<std::string>& names) {
  v1::DeleteDatabasesRequest request;
  for (const std::string& name : names) request.add_names(name);
  v1::DeleteDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::Delete, request, response);
}

std::vector<std::string> DatabaseNames(AgentProcess& agent) {
  v1::ListDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::List, v1::ListDatabasesRequest(), response);
  std::vector<std::string> names;
  for (const v1::Database& database : response.databases()) names.push_back(database.name());
  return names;
}

void CreateUser(AgentProcess& agent, const std::string& database = "") {
  v1::CreateUsersRequest request;
  v1::NewUser& user = *request.add_users();
  user.mutable_user()->mutable_id()->set_name("killer");
  user.set_password(kOldPassword);
  if (!database.empty()) {
    v1::DatabaseGrant& grant = *user.add_grants();
    grant.set_database(database);
    grant.set_set(v1::READ_WRITE);
  }
  v1::CreateUsersResponse response;
  Call<UserService>(agent, &UserService::Stub::Create, request, response);
}

void DropUser(AgentProcess& agent) {
  v1::DeleteUsersRequest request;
  request.add_ids()->set_name("killer");
  v1::DeleteUsersResponse response;
  Call<UserService>(agent, &UserService::Stub::Delete, request, response);
}

bool UserExists(AgentProcess& agent) {
  v1::GetUserRequest request;
  request.mutable_id()->set_name("killer");
  v1::User found;
  return Call<UserService>(agent, &UserService::Stub::Get, request, found).ok();
}

bool HoldsGrant(AgentProcess& agent) {
  v1::ListGrantsRequest request;
  request.mutable_id()->set_name("killer");
  v1::ListGrantsResponse response;
  Call<UserService>(agent, &UserService::Stub::ListGrants, request, response);
  return std::any_of(response.grants().begin(), response.grants().end(),
                     [](const v1::DatabaseGrant& grant) {
                       return grant.database() == "keep" && grant.set() == v1::READ_ONLY;
                     });
}

template <typename Request>
Request GrantOnKeep() {
  Request request;
  request.mutable_id()->set_name("killer");
  v1::DatabaseGrant& grant = *request.add_grants();
  grant.set_database("keep");
  grant.set_set(v1::READ_ONLY);
  return request;
}

bool RootIsEnabled(AgentProcess& agent) {
  v1::RootState state;
  Call<UserService>(agent, &UserService::Stub::GetRootState, google::protobuf::Empty(), state);
  return state.enabled();
}

void EnableRoot(AgentProcess& agent) {
  v1::EnableRootResponse response;
  Call<UserService>(agent, &UserService::Stub::EnableRoot, v1::EnableRootRequest(), response);
}

void DisableRoot(AgentProcess& agent) {
  v1::RootState state;
  Call<UserService>(agent, &UserService::Stub::DisableRoot, v1::DisableRootRequest(), state);
}

// Follows an operation that the agent may not live to finish.
void FollowWhileItLives(AgentProcess& agent, const v1::Operation& operation) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
  v1::WatchOperationRequest request;
  request.set_id(operation.id());
  const auto stub = v1::OperationService::NewStub(agent.channel());
  const auto stream = stub->Watch(&context, request);
  v1::Operation latest;
  while (stream->Read(&latest)) {
  }
  stream->Finish();
}

template <typename Service, typename Request>
void RunOperation(AgentProcess& agent,
                  grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Operation*),
                  const Request& request) {
  v1::Operation operation;
  if (Call<Service>(agent, method, request, operation).ok()) FollowWhileItLives(agent, operation);
}

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

void WriteKeys(AgentProcess& agent) {
  for (const char* id : {"old", "new"}) {
    const Status written =
        os::WriteFileAtomic(agent.home() / id, std::string(64, id[0] == 'o' ? '1' : '2'), 0600);
    ASSERT_TRUE(written.ok()) << written.ToString();
  }
  agent.more_settings = fmt::format(
      // other tests run beside this one
      "limits: {{scratch_nice: 3}}\n"
      "encryption: {{active: new, keys: [{{id: old, key: {{file: {0}/old}}}}, "
      "{{id: new, key: {{file: {0}/new}}}}]}}\n",
      agent.home().native());
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

// ---- the scenarios
// --------------------------------------------------------------------------------------------------

std::vector<Scenario> DatabaseScenarios() {
  const auto all_or_none = [](AgentProcess& agent, bool succeeded) {
    EXPECT_EQ(Exists(agent, "k-1"), succeeded);
    EXPECT_EQ(Exists(agent, "k-2"), succeeded);
  };
  const auto without = [](AgentProcess& agent) { Drop(agent, {"k-1", "k-2"}); };
  return {
      {"database.create", without,
       [](AgentProcess& agent) {
         Create(agent, {"k-1", "k-2"});
       },
       all_or_none},
      {"database.delete",
       [](AgentProcess& agent) {
         Create(agent, {"k-1", "k-2"});
       },
       without,
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(Exists(agent, "k-1"), !succeeded);
         EXPECT_EQ(Exists(agent, "k-2"), !succeeded);
       }},
      {"database.update",
       [](AgentProcess& agent) {
         Drop(agent, {"k-1"});
         Create(agent, {"k-1"});
       },
       [](AgentProcess& agent) {
         v1::UpdateDatabaseRequest request;
         request.mutable_database()->set_name("k-1");
         if (TheTraits().has_owner) {
           request.mutable_database()->set_connection_limit(7);
           request.mutable_update_mask()->add_paths("connection_limit");
         } else {
           request.mutable_database()->set_character_set(TheTraits().character_set);
           request.mutable_update_mask()->add_paths("character_set");
         }
         v1::Database changed;
         Call<DatabaseService>(agent, &DatabaseService::Stub::Update, request, changed);
       },
       [](AgentProcess& agent, bool succeeded) {
         v1::GetDatabaseRequest request;
         request.set_name("k-1");
         v1::Database found;
         ASSERT_TRUE(
             Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found).ok());
         const bool changed = TheTraits().has_owner
                                  ? found.connection_limit() == 7
                                  : found.character_set() == TheTraits().character_set;
         EXPECT_EQ(changed, succeeded);
       }},
  };
}

std::vector<Scenario> UserScenarios() {
  const auto without_user = [](AgentProcess& agent) { DropUser(agent); };
  const auto with_user = [](AgentProcess& agent) {
    DropUser(agent);
    CreateUser(agent, "keep");
  };
  return {
      {"user.create", without_user, [](AgentProcess& agent) { CreateUser(agent, "keep"); },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(UserExists(agent), succeeded); }},
      {"user.delete", with_user, without_user,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(UserExists(agent), !succeeded); }},
      {"user.update", with_user,
       [](AgentProcess& agent) {
         v1::UpdateUserRequest request;
         request.mutable_user()->mutable_id()->set_name("killer");
         request.set_password(kNewPassword);
         request.mutable_update_mask()->add_paths("password");
         v1::User changed;
         Call<UserService>(agent, &UserService::Stub::Update, request, changed);
       },
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(TheTraits().log_in(agent.port(), {"killer", Secret(kNewPassword), "keep"}).ok(),
                   succeeded);
         EXPECT_EQ(TheTraits().log_in(agent.port(), {"killer", Secret(kOldPassword), "keep"}).ok(),
                   !succeeded);
       }},
      {"user.grant",
       [](AgentProcess& agent) {
         DropUser(agent);
         CreateUser(agent);
       },
       [](AgentProcess& agent) {
         v1::GrantResponse response;
         Call<UserService>(agent, &UserService::Stub::Grant, GrantOnKeep<v1::GrantRequest>(),
                           response);
       },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(HoldsGrant(agent), succeeded); }},
      {"user.revoke",
       [](AgentProcess& agent) {
         DropUser(agent);
         CreateUser(agent);
         v1::GrantResponse response;
         Call<UserService>(agent, &UserService::Stub::Grant, GrantOnKeep<v1::GrantRequest>(),
                           response);
       },
       [](AgentProcess& agent) {
         v1::RevokeResponse response;
         Call<UserService>(agent, &UserService::Stub::Revoke, GrantOnKeep<v1::RevokeRequest>(),
                           response);
       },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(HoldsGrant(agent), !succeeded); }},
      {"user.enable_root", DisableRoot, EnableRoot,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(RootIsEnabled(agent), succeeded); }},
      {"user.disable_root", EnableRoot, DisableRoot,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(RootIsEnabled(agent), !succeeded); }},
  };
}

std::vector<Scenario> ServerScenarios() {
  const auto start = [](AgentProcess& agent) {
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Start, v1::StartInstanceRequest());
  };
  const auto stop = [](AgentProcess& agent) {
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Stop, v1::StopInstanceRequest());
  };
  const auto runs = [](AgentProcess& agent, bool succeeded) {
    EXPECT_TRUE(succeeded);
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
  };
  return {
      {"instance.stop", start, stop,
       [start](AgentProcess& agent, bool succeeded) {
         if (succeeded) {
           EXPECT_EQ(agent.Instance().state(), v1::STOPPED);
         }
         start(agent);
       }},
      {"instance.start", stop, start, runs},
      {"instance.restart", start,
       [](AgentProcess& agent) {
         RunOperation<InstanceService>(agent, &InstanceService::Stub::Restart,
                                       v1::RestartInstanceRequest());
       },
       runs},
  };
}

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

v1::CreateBackupRequest Physical() {
  v1::CreateBackupRequest request;
  request.set_method(v1::BACKUP_METHOD_PHYSICAL);
  return request;
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

// ---- configuration

using Group = std::map<std::string, std::string>;

void ApplyGroup(AgentProcess& agent, const Group& group, bool restart) {
  v1::ApplyConfigurationRequest request;
  request.mutable_values()->insert(group.begin(), group.end());
  request.mutable_options()->set_restart(restart);
  request.mutable_options()->set_restart_timeout_seconds(60);
  v1::ApplyConfigurationResponse response;
  if (Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::Apply, request,
                                     response)
          .ok() &&
      response.has_operation())
    FollowWhileItLives(agent, response.operation());
}

v1::Configuration ConfigurationOf(AgentProcess& agent) {
  v1::Configuration now;
  Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::Get,
                                 google::protobuf::Empty(), now);
  return now;
}

std::string ValueOf(AgentProcess& agent, const std::string& name) {
  v1::DescribeParametersRequest request;
  request.add_names(name);
  v1::DescribeParametersResponse response;
  Call<v1::ConfigurationService>(agent, &v1::ConfigurationService::Stub::DescribeParameters,
                                 request, response);
  return response.parameters().empty() ? "" : response.parameters(0).value();
}

// One parameter that is set at once and one that needs a restart; what passes every check and keeps
// the server from starting (MySQL: nothing is known that does).
std::vector<Scenario> ConfigurationScenarios() {
  const bool postgresql = TheTraits().kind == "postgresql";
  const std::string live = postgresql ? "statement_timeout" : "wait_timeout";
  const std::string slow = postgresql ? "autovacuum_freeze_max_age" : "back_log";
  const Group old_group = {{live, "5000"}, {slow, postgresql ? "250000000" : "75"}};
  const Group new_group = {{live, "6000"}, {slow, postgresql ? "260000000" : "76"}};
  Group deadly = new_group;
  deadly.insert(postgresql ? Group::value_type{"huge_pages", "on"}
                           : Group::value_type{"innodb_buffer_pool_size_max", "1000TB"});
  // the server runs on one whole group, and what the agent says of it is so
  const auto is = [live, slow](AgentProcess& agent, const Group& group, bool slow_too) {
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
    const v1::Configuration now = ConfigurationOf(agent);
    EXPECT_EQ(Group(now.revision().values().begin(), now.revision().values().end()), group);
    EXPECT_EQ(now.drift_size(), 0) << now.DebugString();
    EXPECT_EQ(ValueOf(agent, live), group.at(live));
    if (slow_too) {
      EXPECT_EQ(ValueOf(agent, slow), group.at(slow));
    }
  };
  const auto before = [old_group](AgentProcess& agent) { ApplyGroup(agent, old_group, true); };
  std::vector<Scenario> scenarios = {
      {"configuration.apply", before,
       [new_group](AgentProcess& agent) { ApplyGroup(agent, new_group, false); },
       [=](AgentProcess& agent, bool succeeded) {
         is(agent, succeeded ? new_group : old_group, !succeeded);
         EXPECT_EQ(ConfigurationOf(agent).pending_restart_size(), succeeded ? 1 : 0);
       }},
      {"configuration.apply_restart", before,
       [new_group](AgentProcess& agent) { ApplyGroup(agent, new_group, true); },
       [=](AgentProcess& agent, bool succeeded) {
         is(agent, succeeded ? new_group : old_group, true);
       }}};
  if (TheTraits().product != "MySQL") {
    scenarios.push_back({"configuration.apply_restart", before,
                         [deadly](AgentProcess& agent) { ApplyGroup(agent, deadly, true); },
                         [=](AgentProcess& agent, bool) { is(agent, old_group, true); },
                         /*fails=*/true});
  }
  return scenarios;
}

// ---- the matrix
// -----------------------------------------------------------------------------------------------------

std::vector<std::string> ReadPoints(const os::Path& log) {
  std::ifstream file(log);
  std::set<std::string> points;
  for (std::string line; std::getline(file, line);) points.insert(line);
  return {points.begin(), points.end()};
}

// What every recovery owes, whatever was killed.
void CheckAfterwards(AgentProcess& agent, const std::string& at) {
  EXPECT_TRUE(std::filesystem::is_empty(agent.volume().agent() / "children"))
      << at << ": a tool's record is left";
  EXPECT_FALSE(std::filesystem::exists(agent.volume().agent() / "staging"))
      << at << ": what a physical backup had on its way is left";
  Create(agent, {"after"});
  EXPECT_TRUE(Exists(agent, "after")) << at << agent.log();
  Drop(agent, {"after"});
  EXPECT_FALSE(Exists(agent, "after")) << at;
}

v1::Operation NewestOf(AgentProcess& agent, const std::string& kind) {
  v1::ListOperationsRequest request;
  request.set_kind(kind);
  request.mutable_page()->set_page_size(1);
  v1::ListOperationsResponse response;
  Call<v1::OperationService>(agent, &v1::OperationService::Stub::List, request, response);
  return response.operations().empty() ? v1::Operation() : response.operations(0);
}

class KillMatrix : public testing::Test {
 protected:
  static AgentProcess& Agent() {
    if (!agent_) {
      agent_ = std::make_unique<AgentProcess>();
      WriteKeys(*agent_);
      agent_->Start();
      v1::PrepareInstanceRequest request;
      request.add_allowed_networks("127.0.0.0/8");
      request.add_databases()->set_name("keep");
      agent_->Prepare(request);
    }
    return *agent_;
  }

  static void RunScenario(const Scenario& scenario) {
    AgentProcess& agent = Agent();
    const os::Path log = agent.home() / ("points." + scenario.kind);
    scenario.before(agent);
    agent.Stop();
    agent.Start({{"DBAGENT_KILL_LOG", log}});
    scenario.call(agent);
    scenario.truth(agent, true);
    const std::vector<std::string> points = ReadPoints(log);
    EXPECT_GE(points.size(), 3U) << scenario.kind << " passes hardly any kill points";
    for (const std::string& point : points) {
      if (!point.starts_with(scenario.kind.substr(0, scenario.kind.find('.'))) &&
          !point.starts_with("restore") && !point.starts_with("start") &&
          !point.starts_with("stop") &&
          !(scenario.kind.starts_with("backup") && point.starts_with(TheTraits().kind))) {
        continue;  // of the calls that `truth` made
      }
      if (!point.starts_with(scenario.only)) continue;
      SCOPED_TRACE("killed at " + point);
      agent.Stop();
      agent.Start();
      scenario.before(agent);
      const std::string earlier = NewestOf(agent, scenario.kind).id();
      agent.Stop();
      agent.Start({{"DBAGENT_KILL_AT", point}});
      scenario.call(agent);
      if (!agent.WaitForEnd(std::chrono::seconds(2))) continue;  // a point of another call
      if (scenario.goes_on && Thorough()) {  // the life that goes on with it may end at the same place
        agent.Start({{"DBAGENT_KILL_AT", point}});
        agent.WaitForEnd(std::chrono::seconds(1));
        agent.Stop();
      }
      agent.Start();
      agent.WaitForRecovery();
      const v1::Operation operation = NewestOf(agent, scenario.kind);
      ASSERT_NE(operation.id(), earlier) << agent.log();
      EXPECT_TRUE(
          operation.error().reason() == "INTERRUPTED" ||
          (scenario.fails ? operation.state() == v1::FAILED : operation.state() == v1::SUCCEEDED))
          << operation.DebugString();
      if (scenario.goes_on && !point.ends_with(".journalled")) {
        EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
      }
      scenario.truth(agent, operation.state() == v1::SUCCEEDED);
      CheckAfterwards(agent, point);
      killed_.insert(scenario.kind + (scenario.fails ? " (failing) " : " ") + point);
    }
  }

  static void TearDownTestSuite() {
    agent_.reset();  // with its server; at the program's end it would be too late
    std::printf("killed at %zu points:\n", killed_.size());
    for (const std::string& point : killed_) std::printf("  %s\n", point.c_str());
  }
  static inline std::unique_ptr<AgentProcess> agent_;
  static inline std::set<std::string> killed_;
};

TEST_F(KillMatrix, DatabaseCalls) {
  for (const Scenario& scenario : DatabaseScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, UserCalls) {
  for (const Scenario& scenario : UserScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, ServerCalls) {
  for (const Scenario& scenario : ServerScenarios()) RunScenario(scenario);
}
TEST_F(KillMatrix, BackupCalls) {
  for (const Scenario& scenario : BackupScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, ConfigurationCalls) {
  for (const Scenario& scenario : ConfigurationScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, PhysicalBackupCalls) {
  for (const Scenario& scenario : PhysicalScenarios()) RunScenario(scenario);
}

TEST_F(KillMatrix, Prepare) {
  v1::PrepareInstanceRequest request;
  request.set_memory_bytes(256U << 20U);
  request.add_databases()->set_name("keep");
  std::vector<std::string> points;
  {
    AgentProcess agent;
    agent.Start({{"DBAGENT_KILL_LOG", agent.home() / "points"}});
    agent.Prepare(request);
    points = ReadPoints(agent.home() / "points");
  }
  EXPECT_GE(points.size(), 9U);
  for (const std::string& point : points) {
    SCOPED_TRACE("killed at " + point);
    AgentProcess agent;
    agent.Start({{"DBAGENT_KILL_AT", point}});
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Prepare, request);
    ASSERT_TRUE(agent.WaitForEnd());
    agent.Start();
    agent.WaitForRecovery();
    const v1::Operation operation = NewestOf(agent, "instance.prepare");
    if (operation.state() != v1::SUCCEEDED) {
      EXPECT_EQ(operation.error().reason(), "INTERRUPTED") << operation.DebugString();
      EXPECT_EQ(agent.Instance().state(), v1::NOT_PREPARED);
      EXPECT_TRUE(std::filesystem::is_empty(agent.volume().generations()));
      EXPECT_EQ(agent.server_pid(), 0);
      agent.Prepare(request);
    }
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
    CheckAfterwards(agent, point);
    killed_.insert("instance.prepare " + point);
  }
}

}  // namespace
}  // namespace dbagent::tests
