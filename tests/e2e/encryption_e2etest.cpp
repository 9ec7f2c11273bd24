// Encrypted backups, their keys and their speed, by the real agent.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "agent/base/ids.h"
#include "agent/os/files.h"
#include "dbagent/v1/key.grpc.pb.h"
#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::KeyService;
using v1::OperationService;

class EncryptedBackups : public testing::Test {
 protected:
  void PutKey(const std::string& id, char digit) {
    ASSERT_TRUE(os::WriteFileAtomic(agent_.home() / id, std::string(64, digit) + "\n", 0600).ok());
  }
  // Settings with these keys, the first one active.
  void UseKeys(const std::vector<std::string>& ids) {
    agent_.more_settings = "encryption: {active: " + ids.front() + ", keys: [";
    for (const std::string& id : ids) {
      agent_.more_settings += (id == ids.front() ? "" : ", ") + ("{id: " + id) +
                              ", key: {file: " + (agent_.home() / id).native() + "}}";
    }
    agent_.more_settings += "]}\nlimits: {scratch_nice: 3}\n";  // other tests run beside it
  }
  void Prepare() {
    agent_.Start();
    agent_.PrepareWithApp({"one"});
    Ask("one", "CREATE TABLE words (word varchar(100))");
    Ask("one", "INSERT INTO words VALUES ('the-word-that-is-secret')");
  }
  void Restart() {
    agent_.Stop();
    agent_.Start();
    ASSERT_TRUE(agent_.BecomesHealthy());
  }
  ClientSession::Table Ask(const std::string& database, const std::string& sql) {
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), database});
    EXPECT_TRUE(session.ok()) << session.status().ToString();
    if (!session.ok()) return {};
    auto rows = (*session)->Query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  template <typename Service, typename Request>
  v1::Operation Run(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                          v1::Operation*),
                    const Request& request) {
    v1::Operation operation;
    const Outcome outcome = Call<Service>(agent_, method, request, operation);
    if (outcome.ok()) return agent_.Finish(operation);
    operation.mutable_error()->set_reason(outcome.reason);
    return operation;
  }
  std::string Backup(v1::CreateBackupRequest request = {}) {
    const v1::Operation made = Run<BackupService>(&BackupService::Stub::Create, request);
    EXPECT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
    return made.backup_id();
  }
  std::string Restore(const std::string& backup, const std::string& as, bool accept = false) {
    v1::RestoreBackupRequest request;
    request.set_backup_id(backup);
    request.add_databases()->set_database("one");
    request.mutable_databases(0)->set_restore_as(as);
    request.set_accept_unencrypted(accept);
    return Run<BackupService>(&BackupService::Stub::Restore, request).error().reason();
  }
  v1::Backup Get(const std::string& backup) {
    v1::GetBackupRequest request;
    request.set_id(backup);
    v1::Backup found;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Get, request, found).reason, "OK");
    return found;
  }
  std::string ReadStream(const std::string& backup, const std::string& stream) {
    v1::ReadBackupRequest request;
    request.set_id(backup);
    request.set_stream(stream);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    const auto stub = BackupService::NewStub(agent_.channel());
    const auto reader = stub->Read(&context, request);
    std::string all;
    for (v1::BackupPiece piece; reader->Read(&piece);) all += piece.data();
    EXPECT_TRUE(reader->Finish().ok());
    return all;
  }
  std::string ProveByRestore(const std::string& backup) {
    v1::VerifyBackupRequest request;
    request.set_id(backup);
    request.set_level(v1::VERIFY_LEVEL_RESTORE);
    return Run<BackupService>(&BackupService::Stub::Verify, request).error().reason();
  }
  bool Physical() {
    v1::Capabilities capabilities;
    Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::GetCapabilities,
                              google::protobuf::Empty(), capabilities);
    const auto& all = capabilities.capabilities();
    return std::find(all.begin(), all.end(), "physical_backup") != all.end();
  }

  AgentProcess agent_;
};

TEST_F(EncryptedBackups, BothKindsComeBackAndTheStoreShowsNothingOfThem) {
  PutKey("first", 'a');
  UseKeys({"first"});
  Prepare();
  const std::string logical = Backup();
  EXPECT_TRUE(Get(logical).encrypted());
  EXPECT_EQ(Get(logical).stages_size(), 3);
  EXPECT_FALSE(Get(logical).bottleneck().empty());
  EXPECT_EQ(Restore(logical, "again"), "");
  EXPECT_NE(ReadStream(logical, "databases/one.sql").find("the-word-that-is-secret"),
            std::string::npos);
  EXPECT_EQ(ProveByRestore(logical), "");
  v1::CreateBackupRequest physical;
  physical.set_method(v1::BACKUP_METHOD_PHYSICAL);
  if (Physical()) {
    const std::string backup = Backup(physical);
    EXPECT_TRUE(Get(backup).encrypted());
    EXPECT_EQ(ProveByRestore(backup), "");
    Ask("one", "DELETE FROM words");
    v1::RestoreBackupRequest request;
    request.set_backup_id(backup);
    request.set_replace_everything(true);
    EXPECT_EQ(Run<BackupService>(&BackupService::Stub::Restore, request).state(), v1::SUCCEEDED);
    EXPECT_EQ(Ask("one", "SELECT word FROM words").size(), 1U);
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (!entry.is_regular_file()) continue;
    const Result<std::string> text = os::ReadFile(entry.path(), 64U << 20U);
    ASSERT_TRUE(text.ok()) << text.status().ToString();
    EXPECT_EQ(text->find("the-word-that-is-secret"), std::string::npos) << entry.path();
    EXPECT_EQ(text->find(std::string(64, 'a')), std::string::npos) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 5U);
  EXPECT_EQ(agent_.log().find(std::string(64, 'a')), std::string::npos);
}

TEST_F(EncryptedBackups, ARotationLetsTheOldKeyGo) {
  PutKey("first", 'a');
  PutKey("second", 'b');
  UseKeys({"first"});
  Prepare();
  const std::string one = Backup(), two = Backup();
  UseKeys({"second", "first"});
  Restart();
  v1::ListKeysResponse keys;
  EXPECT_EQ(Call<KeyService>(agent_, &KeyService::Stub::List, v1::ListKeysRequest(), keys).reason,
            "OK");
  ASSERT_EQ(keys.keys_size(), 2);
  EXPECT_EQ(keys.keys(1).id(), "second");
  EXPECT_TRUE(keys.keys(1).active());
  EXPECT_NE(keys.keys(0).fingerprint(), keys.keys(1).fingerprint());
  v1::RotateKeysRequest request;
  request.add_backup_ids(one);
  EXPECT_EQ(Run<KeyService>(&KeyService::Stub::Rotate, request).state(), v1::SUCCEEDED);
  // `two` was not: without the old key it cannot be read, and says which key it needs
  UseKeys({"second"});
  Restart();
  EXPECT_EQ(Restore(one, "again"), "");
  EXPECT_EQ(Restore(two, "lost"), "KEY_MISSING");
  EXPECT_TRUE(Get(two).encrypted());
  v1::RotateKeysRequest all;
  const v1::Operation incomplete = Run<KeyService>(&KeyService::Stub::Rotate, all);
  EXPECT_EQ(incomplete.error().reason(), "ROTATION_INCOMPLETE") << incomplete.DebugString();
  UseKeys({"second", "first"});
  Restart();
  EXPECT_EQ(Run<KeyService>(&KeyService::Stub::Rotate, all).state(), v1::SUCCEEDED);
  UseKeys({"second"});
  Restart();
  EXPECT_EQ(Restore(two, "found"), "");
  EXPECT_EQ(Run<KeyService>(&KeyService::Stub::Rotate, all).state(), v1::SUCCEEDED);
  v1::DeleteBackupRequest gone;
  gone.set_id(two);
  EXPECT_EQ(Run<BackupService>(&BackupService::Stub::Delete, gone).state(), v1::SUCCEEDED);
}

TEST_F(EncryptedBackups, AnAgentWithoutAKeyOfItsSettingsDoesNotStart) {
  UseKeys({"missing"});
  agent_.Launch();
  ASSERT_TRUE(agent_.WaitForEnd());
  EXPECT_NE(agent_.wait_status(), 0);
  EXPECT_NE(agent_.log().find("/missing'"), std::string::npos) << agent_.log();
}

TEST_F(EncryptedBackups, OneThatIsNotIsOnlyRestoredWhenThatIsMeant) {
  Prepare();
  const std::string plain = Backup();
  EXPECT_FALSE(Get(plain).encrypted());
  PutKey("first", 'a');
  UseKeys({"first"});
  Restart();
  EXPECT_EQ(Restore(plain, "again"), "BACKUP_NOT_ENCRYPTED");
  EXPECT_EQ(Restore(plain, "again", true), "");
}

TEST_F(EncryptedBackups, ARunningBackupCanBeSlowedDownAndLetGo) {
  Prepare();
  // more than a pipe holds: what is read first is not all of it
  Ask("one", "CREATE TABLE bulky (line text)");
  for (int i = 0; i < 60; ++i)
    Ask("one", "INSERT INTO bulky VALUES ('" + std::string(60000, 'x') + "')");
  v1::CreateBackupRequest request;
  request.set_bytes_per_second(64);  // hours
  request.set_polite(true);
  request.set_adaptive_compression(true);
  request.add_databases("one");
  v1::Operation operation;
  ASSERT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason,
            "OK");
  v1::GetOperationRequest get;
  get.set_id(operation.id());
  v1::Operation running;
  for (int i = 0; i < 300 && running.progress().bytes_done() == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Call<OperationService>(agent_, &OperationService::Stub::Get, get, running);
  }
  EXPECT_EQ(running.state(), v1::RUNNING);
  EXPECT_EQ(running.progress().bytes_per_second_limit(), 64U);
  v1::ThrottleOperationRequest faster;
  faster.set_id(operation.id());
  v1::Operation answer;
  EXPECT_EQ(
      Call<OperationService>(agent_, &OperationService::Stub::Throttle, faster, answer).reason,
      "OK");
  EXPECT_EQ(answer.progress().bytes_per_second_limit(), 0U);
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
  EXPECT_EQ(
      Call<OperationService>(agent_, &OperationService::Stub::Throttle, faster, answer).reason,
      "NOT_THROTTLABLE");
}

TEST_F(EncryptedBackups, ARestoreAndAVerificationCanBeSlowedDownAndLetGo) {
  Prepare();
  Ask("one", "CREATE TABLE bulky (line text)");
  for (int i = 0; i < 20; ++i) {
    // nothing that compresses: more than one chunk
    std::string line;
    while (line.size() < 60000) line += NewUuid();
    Ask("one", "INSERT INTO bulky VALUES ('" + line + "')");
  }
  v1::CreateBackupRequest create;
  create.set_chunk_bytes(64U << 10U);
  create.add_databases("one");
  v1::Operation made;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, create, made).ok());
  made = agent_.Finish(made);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << agent_.log();

  // it reads a chunk or two, and no more until it is let go
  const auto slow_then_fast = [&](const v1::Operation& begun) {
    v1::GetOperationRequest get;
    get.set_id(begun.id());
    v1::Operation running;
    for (int i = 0; i < 300 && running.progress().stages_size() == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      Call<OperationService>(agent_, &OperationService::Stub::Get, get, running);
    }
    EXPECT_EQ(running.state(), v1::RUNNING);
    EXPECT_EQ(running.progress().bytes_per_second_limit(), 64U);
    EXPECT_EQ(running.progress().stages(0).name(), "download");
    v1::ThrottleOperationRequest faster;
    faster.set_id(begun.id());
    v1::Operation answer;
    EXPECT_TRUE(
        Call<OperationService>(agent_, &OperationService::Stub::Throttle, faster, answer).ok());
    const v1::Operation ended = agent_.Finish(begun);
    EXPECT_EQ(ended.state(), v1::SUCCEEDED) << ended.DebugString();
    EXPECT_NE(ended.DebugString().find("bottleneck: "), std::string::npos) << ended.DebugString();
  };
  v1::VerifyBackupRequest verify;
  verify.set_id(made.backup_id());
  verify.set_bytes_per_second(64);
  v1::Operation operation;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Verify, verify, operation).ok());
  slow_then_fast(operation);
  v1::RestoreBackupRequest restore;
  restore.set_backup_id(made.backup_id());
  restore.set_bytes_per_second(64);
  v1::RestoreTarget& target = *restore.add_databases();
  target.set_database("one");
  target.set_restore_as("again");
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Restore, restore, operation).ok());
  slow_then_fast(operation);
}

TEST_F(EncryptedBackups, HowItIsMadeIsCheckedBeforeItBegins) {
  Prepare();
  const auto refused = [&](const std::function<void(v1::CreateBackupRequest&)>& change) {
    v1::CreateBackupRequest request;
    change(request);
    v1::Operation operation;
    return Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason;
  };
  EXPECT_EQ(refused([](auto& r) { r.set_compression_level(20); }), "VALUE_INVALID");
  EXPECT_EQ(refused([](auto& r) { r.set_compression_threads(65); }), "VALUE_INVALID");
  EXPECT_EQ(refused([](auto& r) { r.set_uploads(65); }), "VALUE_INVALID");
  EXPECT_EQ(refused([](auto& r) { r.set_chunk_bytes(1000); }), "VALUE_INVALID");
  v1::RotateKeysRequest rotate;
  v1::Operation operation;
  EXPECT_EQ(Call<KeyService>(agent_, &KeyService::Stub::Rotate, rotate, operation).reason,
            "NO_KEYS");
}

}  // namespace
}  // namespace dbagent::tests
