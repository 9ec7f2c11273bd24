// Backups that carry a whole instance, its users too: into another instance, and back into this
// one.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

class WholeBackup : public testing::TestWithParam<v1::BackupMethod> {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.PrepareWithApp({"shop", "crm", "a third"});
    ASSERT_TRUE(Ask(agent_, "CREATE TABLE t (n int)").ok());
    ASSERT_TRUE(Ask(agent_, "INSERT INTO t VALUES (41), (42)").ok());
  }

  static Result<ClientSession::Table> Ask(AgentProcess& agent, const std::string& sql) {
    auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "shop"});
    if (!session.ok()) return std::move(session).status();
    return (*session)->Query(sql);
  }
  static void ExpectData(AgentProcess& agent) {
    const Result<ClientSession::Table> rows = Ask(agent, "SELECT n FROM t ORDER BY n");
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ(*rows, (ClientSession::Table{{"41"}, {"42"}}));
  }
  static std::vector<std::string> DatabasesOf(AgentProcess& agent) {
    v1::ListDatabasesResponse response;
    EXPECT_TRUE(Call<v1::DatabaseService>(agent, &v1::DatabaseService::Stub::List,
                                          v1::ListDatabasesRequest(), response)
                    .ok());
    std::vector<std::string> names;
    for (const v1::Database& database : response.databases()) names.push_back(database.name());
    return names;
  }
  v1::Operation Backup(v1::BackupMethod method) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    v1::Operation operation;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).ok());
    operation = agent_.Finish(operation);
    EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << agent_.log();
    return operation;
  }
  v1::PrepareInstanceRequest From(const v1::Operation& backup) {
    v1::PrepareInstanceRequest request;
    request.set_memory_bytes(256U << 20U);
    request.add_allowed_networks("127.0.0.0/8");
    request.mutable_from_backup()->set_instance_id(agent_.Instance().id());
    request.mutable_from_backup()->set_backup_id(backup.backup_id());
    return request;
  }

  AgentProcess agent_;
};

TEST_P(WholeBackup, MakesANewInstanceWithItsUsersAndPasswords) {
  const v1::Operation made = Backup(GetParam());
  AgentProcess other;
  other.store_directory = agent_.store_directory;
  other.Start();
  v1::PrepareInstanceRequest request = From(made);
  request.add_databases()->set_name("beside");
  other.Prepare(request);
  EXPECT_NE(other.Instance().id(), agent_.Instance().id());
  EXPECT_EQ(DatabasesOf(other), (std::vector<std::string>{"a third", "beside", "crm", "shop"}));
  ExpectData(other);
  EXPECT_TRUE(Ask(other, "INSERT INTO t VALUES (43)").ok());
  ExpectData(agent_);
}

TEST_P(WholeBackup, OneThatIsDamagedLeavesTheNewVolumeEmpty) {
  const v1::Operation made = Backup(GetParam());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (entry.path().extension() != ".zst") continue;
    std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
    break;
  }
  AgentProcess other;
  other.store_directory = agent_.store_directory;
  other.Start();
  v1::Operation operation;
  ASSERT_TRUE(
      Call<v1::InstanceService>(other, &v1::InstanceService::Stub::Prepare, From(made), operation)
          .ok());
  operation = other.Finish(operation);
  EXPECT_EQ(operation.state(), v1::FAILED);
  EXPECT_EQ(operation.error().reason(), "BACKUP_CORRUPT") << operation.DebugString();
  EXPECT_EQ(other.Instance().state(), v1::NOT_PREPARED);
  other.Prepare();
}

INSTANTIATE_TEST_SUITE_P(Methods, WholeBackup,
                         testing::Values(v1::BACKUP_METHOD_LOGICAL, v1::BACKUP_METHOD_PHYSICAL),
                         [](const auto& method) {
                           return method.param == v1::BACKUP_METHOD_LOGICAL ? "Logical"
                                                                            : "Physical";
                         });

class WholeLogicalBackup : public WholeBackup {};

TEST_F(WholeLogicalBackup, BringsLostDatabasesAndUsersBackIntoTheSameInstance) {
  const v1::Operation made = Backup(v1::BACKUP_METHOD_LOGICAL);
  v1::DeleteDatabasesRequest databases;
  for (const char* name : {"shop", "crm", "a third"}) databases.add_names(name);
  v1::DeleteDatabasesResponse dropped;
  ASSERT_TRUE(
      Call<v1::DatabaseService>(agent_, &v1::DatabaseService::Stub::Delete, databases, dropped)
          .ok());
  v1::DeleteUsersRequest users;
  users.add_ids()->set_name("app");
  v1::DeleteUsersResponse gone;
  ASSERT_TRUE(Call<v1::UserService>(agent_, &v1::UserService::Stub::Delete, users, gone).ok());
  v1::RestoreBackupRequest request;
  request.set_backup_id(made.backup_id());
  request.set_with_users(true);
  request.set_parallel(3);
  v1::Operation operation;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation).ok());
  operation = agent_.Finish(operation);
  EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << agent_.log();
  ExpectData(agent_);
}

TEST_F(WholeLogicalBackup, ReplacesNothingAndSaysSo) {
  const v1::Operation made = Backup(v1::BACKUP_METHOD_LOGICAL);
  v1::RestoreBackupRequest request;
  request.set_backup_id(made.backup_id());
  request.set_replace_everything(true);
  v1::Operation operation;
  EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation).reason,
            "FIELD_UNSUPPORTED");
}

TEST_F(WholeLogicalBackup, ADatabaseThatExistsRefusesTheRestoreBeforeAnythingIsMade) {
  const v1::Operation made = Backup(v1::BACKUP_METHOD_LOGICAL);
  v1::DeleteDatabasesRequest databases;
  for (const char* name : {"shop", "crm"}) databases.add_names(name);
  v1::DeleteDatabasesResponse dropped;
  ASSERT_TRUE(
      Call<v1::DatabaseService>(agent_, &v1::DatabaseService::Stub::Delete, databases, dropped)
          .ok());
  v1::RestoreBackupRequest request;
  request.set_backup_id(made.backup_id());
  v1::Operation operation;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation).ok());
  operation = agent_.Finish(operation);
  EXPECT_EQ(operation.error().reason(), "DATABASE_EXISTS") << operation.DebugString();
  EXPECT_EQ(DatabasesOf(agent_), std::vector<std::string>{"a third"});
}

}  // namespace
}  // namespace dbagent::tests
