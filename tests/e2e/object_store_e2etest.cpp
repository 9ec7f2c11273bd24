// Backups to a real Swift and to its S3 face, and back out of them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/base/ids.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/swift_server.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

// Swift's own protocol and S3 show the same objects.
class ObjectStoreBackup : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::ofstream(secrets_ / "key") << "testing\n";
    ASSERT_EQ(chmod((secrets_ / "key").c_str(), 0600), 0);
    Launch(agent_);
    agent_.PrepareWithApp({"shop"});
    ASSERT_TRUE(Ask(agent_, "CREATE TABLE t (n int)").ok());
    ASSERT_TRUE(Ask(agent_, "INSERT INTO t VALUES (41), (42)").ok());
  }
  void Launch(AgentProcess& agent) {
    const std::string url = TheSwift().url(), key = (secrets_ / "key").native();
    agent.more_stores = fmt::format(
        ",\n  {{name: swift, kind: swift, container: {0}, create: true, prefix: e2e, auth: "
        "tempauth, auth_url: '{1}/auth/v1.0', user: 'test:tester', key: {{file: {2}}}}},\n"
        "  {{name: s3, kind: s3, endpoint: '{1}', region: us-east-1, bucket: {0}, prefix: e2e, "
        "access_key: 'test:tester', secret_key: {{file: {2}}}}}",
        container_, url, key);
    agent.Start();
  }
  static Result<ClientSession::Table> Ask(AgentProcess& agent, const std::string& sql) {
    auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "shop"});
    if (!session.ok()) return std::move(session).status();
    return (*session)->Query(sql);
  }
  v1::Operation Backup(v1::BackupMethod method, const std::string& store) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    request.set_store(store);
    v1::Operation operation;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).ok());
    return agent_.Finish(operation);
  }
  int Listed(const std::string& store) {
    v1::ListBackupsRequest request;
    request.set_store(store);
    v1::ListBackupsResponse response;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::List, request, response).ok());
    return response.backups_size();
  }

  const TempDir secrets_;
  const std::string container_ = "backups-" + NewUuid();
  AgentProcess agent_;
};

TEST_P(ObjectStoreBackup, ANewInstanceComesOutOfItAndItCanBeDeleted) {
  // a bucket is not made by the agent; through Swift's protocol the same container is
  if (GetParam() == std::string("s3")) {
    ASSERT_EQ(Backup(v1::BACKUP_METHOD_LOGICAL, "swift").state(), v1::SUCCEEDED) << agent_.log();
  }
  const int before = GetParam() == std::string("s3") ? 1 : 0;
  for (const auto method : {v1::BACKUP_METHOD_LOGICAL, v1::BACKUP_METHOD_PHYSICAL}) {
    const v1::Operation made = Backup(method, GetParam());
    ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString() << agent_.log();
    EXPECT_EQ(Listed("s3"), before + 1);
    EXPECT_EQ(Listed("swift"), before + 1);
    AgentProcess other;
    Launch(other);
    v1::PrepareInstanceRequest request;
    request.set_memory_bytes(256U << 20U);
    request.add_allowed_networks("127.0.0.0/8");
    request.mutable_from_backup()->set_store(GetParam());
    request.mutable_from_backup()->set_instance_id(agent_.Instance().id());
    request.mutable_from_backup()->set_backup_id(made.backup_id());
    other.Prepare(request);
    const Result<ClientSession::Table> rows = Ask(other, "SELECT n FROM t ORDER BY n");
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ(*rows, (ClientSession::Table{{"41"}, {"42"}}));
    v1::DeleteBackupRequest removal;
    removal.set_store(GetParam());
    removal.set_id(made.backup_id());
    v1::Operation operation;
    ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Delete, removal, operation).ok());
    EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
    EXPECT_EQ(Listed(GetParam()), before);
  }
  EXPECT_EQ(agent_.log().find("testing"), std::string::npos) << "the store's key is in the log";
}

INSTANTIATE_TEST_SUITE_P(Protocols, ObjectStoreBackup, testing::Values("swift", "s3"),
                         [](const auto& store) { return std::string(store.param); });

}  // namespace
}  // namespace dbagent::tests
