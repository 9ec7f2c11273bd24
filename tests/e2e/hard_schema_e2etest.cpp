// Databases with all that is hard, there and back again by each kind of backup.
#include <gtest/gtest.h>

#include "tests/e2e/hard_schema.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;

class HardSchemas : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.Prepare();
    ASSERT_OK(schema_.make(agent_));
    ASSERT_OK_AND_ASSIGN(before_, schema_.look(agent_));
    ASSERT_OK_AND_ASSIGN(const std::string damage, schema_.find_damage(agent_));
    ASSERT_EQ(damage, "") << "before anything was restored";
  }

  v1::Operation Backup(v1::BackupMethod method) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    v1::Operation operation;
    const Outcome outcome =
        Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return outcome.ok() ? agent_.Finish(operation) : operation;
  }
  v1::Operation Restore(const std::string& backup, bool everything) {
    v1::RestoreBackupRequest request;
    request.set_backup_id(backup);
    request.set_replace_everything(everything);
    request.set_with_users(!everything);
    v1::Operation operation;
    const Outcome outcome =
        Call<BackupService>(agent_, &BackupService::Stub::Restore, request, operation);
    EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    return outcome.ok() ? agent_.Finish(operation) : operation;
  }
  void DropDatabases() {
    v1::DeleteDatabasesRequest request;
    for (const std::string& name : schema_.databases) request.add_names(name);
    v1::DeleteDatabasesResponse response;
    const Outcome outcome =
        Call<DatabaseService>(agent_, &DatabaseService::Stub::Delete, request, response);
    ASSERT_EQ(outcome.reason, "OK") << outcome.status.error_message();
    for (const auto& item : response.items()) ASSERT_FALSE(item.has_error()) << item.DebugString();
  }
  void ExpectAllIsBack(bool logical) {
    ASSERT_OK_AND_ASSIGN(const auto after, schema_.look(agent_));
    for (const auto& [what, text] : before_) {
      if (!logical || !schema_.only_physical.contains(what)) ExpectSame(what, text, after.at(what));
    }
    ASSERT_OK_AND_ASSIGN(const std::string damage, schema_.find_damage(agent_));
    EXPECT_EQ(damage, "");
  }
  // The texts are long: shown is where they part.
  static void ExpectSame(const std::string& what, const std::string& before,
                         const std::string& after) {
    EXPECT_GT(before.size(), 30U) << what;
    if (before == after) return;
    const auto [left, right] =
        std::mismatch(before.begin(), before.end(), after.begin(), after.end());
    const auto shown = [](const std::string& text, std::string::const_iterator at) {
      const auto offset = static_cast<std::size_t>(at - text.begin());
      return text.substr(offset - std::min<std::size_t>(offset, 300), 600);
    };
    ADD_FAILURE() << what << " differs. Before:\n"
                  << shown(before, left) << "\nafter:\n"
                  << shown(after, right);
  }

  AgentProcess agent_;
  const HardSchema schema_ =
      TheTraits().kind == "mysql" ? MysqlHardSchema() : PostgresqlHardSchema();
  std::map<std::string, std::string> before_;
};

TEST_F(HardSchemas, ComeBackFromAPhysicalBackup) {
  const v1::Operation made = Backup(v1::BACKUP_METHOD_PHYSICAL);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  DropDatabases();
  ASSERT_OK(schema_.drop_accounts(agent_));
  const v1::Operation restored = Restore(made.backup_id(), true);
  ASSERT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString() << agent_.log();
  ExpectAllIsBack(false);
}

TEST_F(HardSchemas, ComeBackFromALogicalBackup) {
  const v1::Operation made = Backup(v1::BACKUP_METHOD_LOGICAL);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  DropDatabases();
  ASSERT_OK(schema_.drop_accounts(agent_));
  const v1::Operation restored = Restore(made.backup_id(), false);
  ASSERT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString() << agent_.log();
  ExpectAllIsBack(true);
}

}  // namespace
}  // namespace dbagent::tests
