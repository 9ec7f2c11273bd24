// Backups to stores that requests bring with them, at a real Swift and its S3 face.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "agent/base/ids.h"
#include "agent/os/files.h"
#include "agent/storage/open_store.h"
#include "dbagent/v1/key.grpc.pb.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/run_program.h"
#include "tests/support/status_matchers.h"
#include "tests/support/swift_server.h"

namespace dbagent::tests {
namespace {

using std::chrono::seconds;
using v1::BackupService;

class RequestTarget : public testing::Test {
 protected:
  void SetUp() override {
    Launch(agent_);
    v1::PrepareInstanceRequest request;
    request.add_allowed_networks("127.0.0.0/8");
    request.add_databases()->set_name("shop");
    v1::NewUser& user = *request.add_users();
    user.mutable_user()->mutable_id()->set_name("app");
    user.set_password("pw");
    v1::DatabaseGrant& grant = *user.add_grants();
    grant.set_database("shop");
    grant.set_set(v1::ALL);
    agent_.Prepare(request);
    ASSERT_TRUE(Ask(agent_, "CREATE TABLE t (n int)").ok());
    ASSERT_TRUE(Ask(agent_, "INSERT INTO t VALUES (41), (42)").ok());
  }
  static void Launch(AgentProcess& agent, const std::map<std::string, std::string>& with = {}) {
    agent.more_settings = "request_targets: {hosts: [127.0.0.1], plain_http: true}\n";
    agent.Start(with);
  }
  static Result<ClientSession::Table> Ask(AgentProcess& agent, const std::string& sql) {
    auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "shop"});
    if (!session.ok()) return std::move(session).status();
    return (*session)->Query(sql);
  }

  v1::StoreTarget ByKey() const {
    v1::StoreTarget target;
    v1::SwiftTarget& swift = *target.mutable_swift();
    swift.set_container(container_);
    swift.set_create(true);
    swift.set_auth(v1::SWIFT_AUTH_TEMPAUTH);
    swift.set_auth_url(TheSwift().url() + "/auth/v1.0");
    swift.set_user("test:tester");
    *target.mutable_credentials() = Key("testing");
    target.set_prefix("user-7");
    return target;
  }
  static v1::StoreCredentials Key(const std::string& secret) {
    v1::StoreCredentials credentials;
    credentials.mutable_swift()->set_secret(secret);
    return credentials;
  }
  v1::StoreTarget ByToken() const {
    const Result<SwiftServer::Token> token = TheSwift().LogIn();
    EXPECT_OK(token);
    v1::StoreTarget target = ByKey();
    v1::SwiftTarget& swift = *target.mutable_swift();
    swift.clear_auth_url();
    swift.clear_user();
    swift.set_auth(v1::SWIFT_AUTH_TOKEN);
    swift.set_storage_url(token->storage_url);
    *target.mutable_credentials() = Key(token->token);
    return target;
  }
  v1::StoreTarget S3() const {
    v1::StoreTarget target;
    v1::S3Target& s3 = *target.mutable_s3();
    s3.set_endpoint(TheSwift().url());
    s3.set_region("us-east-1");
    s3.set_bucket(container_);
    v1::S3Credentials& keys = *target.mutable_credentials()->mutable_s3();
    keys.set_access_key("test:tester");
    keys.set_secret_key("testing");
    target.set_prefix("user-7");
    return target;
  }
  // What lies in the container of this test.
  std::vector<std::string> Objects() const {
    config::StoreSettings settings = TheSwift().Swift(container_);
    auto store = storage::OpenStore(settings);
    EXPECT_OK(store);
    std::vector<std::string> names, folders = {""};
    while (!folders.empty()) {
      const std::string folder = folders.back();
      folders.pop_back();
      const Status listed = storage::ListAll(
          **store, OpContext().WithBudget(seconds(60)), folder, [&](const storage::Listed& entry) {
            (entry.folder() ? folders : names).push_back(entry.name);
            return Ok();
          });
      EXPECT_OK(listed);
    }
    return names;
  }

  Outcome Begin(const v1::CreateBackupRequest& request, v1::Operation& operation) {
    return Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation);
  }
  v1::Operation Make(const v1::StoreTarget& target, v1::BackupMethod method) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    *request.mutable_target() = target;
    v1::Operation operation;
    const Outcome begun = Begin(request, operation);
    EXPECT_EQ(begun.reason, "OK") << begun.status.error_message();
    return agent_.Finish(operation);
  }
  // A backup that takes a while, and stores many objects on the way.
  v1::CreateBackupRequest Slow(const v1::StoreTarget& target) {
    v1::CreateBackupRequest request;
    request.set_method(v1::BACKUP_METHOD_PHYSICAL);
    request.set_bytes_per_second(4U << 20U);
    request.set_chunk_bytes(64U << 10U);
    *request.mutable_target() = target;
    return request;
  }
  v1::Operation Get(const std::string& id) {
    v1::GetOperationRequest request;
    request.set_id(id);
    v1::Operation operation;
    EXPECT_TRUE(
        Call<v1::OperationService>(agent_, &v1::OperationService::Stub::Get, request, operation)
            .ok());
    return operation;
  }
  template <typename Condition>
  bool Becomes(const std::string& id, Condition condition) {
    for (int i = 0; i < 600; ++i) {
      if (condition(Get(id))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << Get(id).DebugString() << agent_.log();
    return false;
  }
  bool Waits(const std::string& id) {
    return Becomes(id, [](const v1::Operation& operation) {
      return operation.progress().line() == "credentials refused, waiting for renewed ones";
    });
  }
  Outcome Renew(const std::string& id, const v1::StoreCredentials& credentials) {
    v1::RenewCredentialsRequest request;
    request.set_operation_id(id);
    *request.mutable_credentials() = credentials;
    v1::Operation operation;
    return Call<BackupService>(agent_, &BackupService::Stub::RenewCredentials, request, operation);
  }
  // Neither in the journal and whatever else the agent keeps, nor in its log.
  void ExpectNowhere(const std::string& secret) {
    EXPECT_EQ(agent_.log().find(secret), std::string::npos) << "in the log";
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(agent_.volume().agent())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::stringstream text;
      text << file.rdbuf();
      EXPECT_EQ(text.str().find(secret), std::string::npos) << "in " << entry.path();
    }
  }

  const std::string container_ = "backups-" + NewUuid();
  AgentProcess agent_;
};

TEST_F(RequestTarget, EverythingThatCanBeDoneWithABackupIsDoneThere) {
  const v1::StoreTarget swift = ByKey(), s3 = S3();
  const v1::Operation first = Make(swift, v1::BACKUP_METHOD_LOGICAL);
  ASSERT_EQ(first.state(), v1::SUCCEEDED) << first.DebugString() << agent_.log();
  const v1::Operation second = Make(s3, v1::BACKUP_METHOD_PHYSICAL);
  ASSERT_EQ(second.state(), v1::SUCCEEDED) << second.DebugString() << agent_.log();

  v1::ListBackupsRequest list;
  *list.mutable_target() = s3;
  v1::ListBackupsResponse listed;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::List, list, listed).ok());
  ASSERT_EQ(listed.backups_size(), 2);
  EXPECT_EQ(listed.backups(0).store(), "s3://" + container_ + "/user-7");

  v1::VerifyBackupRequest verify;
  *verify.mutable_target() = swift;
  verify.set_id(second.backup_id());
  v1::Operation operation;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Verify, verify, operation).ok());
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);

  v1::GetBackupRequest get;
  *get.mutable_target() = s3;
  get.set_id(second.backup_id());
  v1::Backup backup;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Get, get, backup).ok());
  EXPECT_TRUE(backup.has_last_verify_time());

  v1::RestoreBackupRequest restore;
  *restore.mutable_target() = s3;
  restore.set_backup_id(first.backup_id());
  restore.add_databases()->set_database("shop");
  restore.mutable_databases(0)->set_restore_as("shop2");
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Restore, restore, operation).ok());
  const v1::Operation restored = agent_.Finish(operation);
  EXPECT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString();

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(60));
  v1::ReadBackupRequest read;
  *read.mutable_target() = swift;
  read.set_id(first.backup_id());
  read.set_stream("databases/shop.sql");
  const auto stream = BackupService::NewStub(agent_.channel())->Read(&context, read);
  std::string sql;
  for (v1::BackupPiece piece; stream->Read(&piece);) sql += piece.data();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_NE(sql.find("41"), std::string::npos);

  {
    AgentProcess other;
    Launch(other);
    v1::PrepareInstanceRequest prepare;
    prepare.add_allowed_networks("127.0.0.0/8");
    v1::BackupSource& source = *prepare.mutable_from_backup();
    *source.mutable_target() = swift;
    source.set_instance_id(agent_.Instance().id());
    source.set_backup_id(second.backup_id());
    other.Prepare(prepare);
    const Result<ClientSession::Table> rows = Ask(other, "SELECT n FROM t ORDER BY n");
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ(rows->size(), 2U);
  }

  for (const std::string& id : {first.backup_id(), second.backup_id()}) {
    v1::DeleteBackupRequest removal;
    *removal.mutable_target() = s3;
    removal.set_id(id);
    ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Delete, removal, operation).ok());
    EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
  }
  v1::SweepBackupsRequest sweep;
  *sweep.mutable_target() = swift;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Sweep, sweep, operation).ok());
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
  EXPECT_EQ(Objects(), std::vector<std::string>());
  ExpectNowhere("testing");
}

TEST_F(RequestTarget, KeysOfBackupsThereAreRotated) {
  for (const char* id : {"a", "b"})
    ASSERT_OK(os::WriteFileAtomic(agent_.home() / id, std::string(64, *id) + "\n", 0600));
  const auto restart_with = [&](const std::vector<std::string>& ids) {
    agent_.Stop();
    std::string keys;
    for (const std::string& id : ids) {
      keys += fmt::format("{}{{id: {}, key: {{file: {}}}}}", keys.empty() ? "" : ", ", id,
                          (agent_.home() / id).native());
    }
    agent_.more_settings = fmt::format(
        "request_targets: {{hosts: [127.0.0.1], plain_http: true}}\n"
        "encryption: {{active: {}, keys: [{}]}}\n",
        ids.front(), keys);
    agent_.Start();
    ASSERT_TRUE(agent_.BecomesHealthy());
  };
  restart_with({"a"});
  const v1::Operation made = Make(ByKey(), v1::BACKUP_METHOD_LOGICAL);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  restart_with({"b", "a"});
  v1::RotateKeysRequest rotate;
  *rotate.mutable_target() = S3();
  v1::Operation operation;
  ASSERT_TRUE(Call<v1::KeyService>(agent_, &v1::KeyService::Stub::Rotate, rotate, operation).ok());
  const v1::Operation rotated = agent_.Finish(operation);
  EXPECT_EQ(rotated.state(), v1::SUCCEEDED) << rotated.DebugString();
  restart_with({"b"});
  v1::VerifyBackupRequest verify;
  *verify.mutable_target() = ByKey();
  verify.set_id(made.backup_id());
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Verify, verify, operation).ok());
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
  ExpectNowhere("testing");
}

TEST_F(RequestTarget, ARequestThatIsRepeatedWithNewerCredentialsIsTheSame) {
  v1::CreateBackupRequest request;
  request.set_request_id("r1");
  *request.mutable_target() = ByToken();
  v1::Operation first, again;
  ASSERT_TRUE(Begin(request, first).ok());
  EXPECT_EQ(agent_.Finish(first).state(), v1::SUCCEEDED);
  ASSERT_OK(TheSwift().ForgetTokens());
  *request.mutable_target()->mutable_credentials() = ByToken().credentials();
  ASSERT_TRUE(Begin(request, again).ok());
  EXPECT_EQ(again.id(), first.id());
  request.mutable_target()->set_prefix("elsewhere");
  EXPECT_EQ(Begin(request, again).reason, "REQUEST_ID_REUSED");
}

TEST_F(RequestTarget, WhatCannotWorkIsRefusedAtOnce) {
  v1::CreateBackupRequest request;
  v1::Operation operation;
  *request.mutable_target() = ByKey();
  request.set_store("local");
  EXPECT_EQ(Begin(request, operation).reason, "TARGET_INVALID");
  request.clear_store();
  *request.mutable_target()->mutable_credentials() = Key("wrong-key");
  EXPECT_EQ(Begin(request, operation).reason, "CREDENTIALS_REFUSED");
  *request.mutable_target()->mutable_credentials() = S3().credentials();
  EXPECT_EQ(Begin(request, operation).reason, "TARGET_INVALID");
  *request.mutable_target() = ByKey();
  request.mutable_target()->mutable_swift()->set_auth_url("http://169.254.169.254/auth");
  EXPECT_EQ(Begin(request, operation).reason, "TARGET_NOT_ALLOWED");
  EXPECT_EQ(Renew("nobody", Key("x")).reason, "OPERATION_NOT_FOUND");
  const v1::Operation made = Make(ByKey(), v1::BACKUP_METHOD_LOGICAL);
  EXPECT_EQ(Renew(made.id(), Key("x")).reason, "OPERATION_ENDED");
  ExpectNowhere("wrong-key");
}

TEST_F(RequestTarget, ATokenThatExpiresUnderABackupIsRenewedAndTheBackupSucceeds) {
  v1::Operation operation;
  ASSERT_TRUE(Begin(Slow(ByToken()), operation).ok());
  const std::string id = operation.id();
  ASSERT_TRUE(Becomes(id, [](const auto& o) { return o.progress().bytes_done() > 1U << 20U; }));
  ASSERT_OK(TheSwift().ForgetTokens());
  ASSERT_TRUE(Waits(id));
  EXPECT_EQ(Renew(id, S3().credentials()).reason, "TARGET_INVALID");
  const v1::StoreTarget renewed = ByToken();
  ASSERT_TRUE(Renew(id, renewed.credentials()).ok());
  const v1::Operation made = agent_.Finish(operation);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString() << agent_.log();
  v1::VerifyBackupRequest verify;
  *verify.mutable_target() = renewed;
  verify.set_id(made.backup_id());
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Verify, verify, operation).ok());
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED);
  ExpectNowhere(renewed.credentials().swift().secret());
}

TEST_F(RequestTarget, WhatAKilledAgentLeftThereIsRemovedWhenCredentialsCome) {
  agent_.Stop();
  agent_.Start({{"DBAGENT_KILL_AT", "backup.before_manifest"}});
  v1::CreateBackupRequest request;
  *request.mutable_target() = ByKey();
  v1::Operation operation;
  ASSERT_TRUE(Begin(request, operation).ok());
  ASSERT_TRUE(agent_.WaitForEnd());
  const std::string id = operation.id();
  agent_.Start();
  agent_.WaitForRecovery();
  v1::Operation orphan = Get(id);
  EXPECT_EQ(orphan.state(), v1::ORPHANED) << orphan.DebugString();
  EXPECT_EQ(orphan.error().reason(), "CREDENTIALS_GONE");
  const std::vector<std::string> left = Objects();
  EXPECT_FALSE(left.empty());

  v1::CreateBackupRequest local;
  local.set_store("local");
  ASSERT_TRUE(Begin(local, operation).ok());
  EXPECT_EQ(agent_.Finish(operation).state(), v1::SUCCEEDED) << "it keeps no locks";

  agent_.Stop();
  agent_.Start();  // an orphan stays one
  EXPECT_EQ(Get(id).state(), v1::ORPHANED);
  EXPECT_EQ(Renew(id, S3().credentials()).reason, "TARGET_INVALID");
  ASSERT_TRUE(Renew(id, Key("wrong-key")).ok());
  ASSERT_TRUE(Becomes(id, [](const auto& o) {
    return o.state() == v1::ORPHANED && o.error().reason() == "CREDENTIALS_REFUSED";
  }));
  EXPECT_EQ(Objects(), left);
  ASSERT_TRUE(Renew(id, Key("testing")).ok());
  ASSERT_TRUE(Becomes(id, [](const auto& o) { return o.state() == v1::FAILED; }));
  orphan = Get(id);
  EXPECT_EQ(orphan.error().reason(), "INTERRUPTED");
  EXPECT_NE(orphan.error().message().find("was removed"), std::string::npos)
      << orphan.DebugString();
  EXPECT_EQ(Objects(), std::vector<std::string>());
  EXPECT_EQ(Renew(id, Key("testing")).reason, "OPERATION_ENDED");
  ExpectNowhere("testing");
  ExpectNowhere("wrong-key");
}

TEST_F(RequestTarget, ADeletionThatWasCutOffIsFinishedWhenCredentialsCome) {
  const v1::Operation made = Make(ByKey(), v1::BACKUP_METHOD_LOGICAL);
  agent_.Stop();
  agent_.Start({{"DBAGENT_KILL_AT", "backup.delete.planned"}});
  v1::DeleteBackupRequest removal;
  *removal.mutable_target() = ByKey();
  removal.set_id(made.backup_id());
  v1::Operation operation;
  // the agent may be killed before its answer is out
  Call<BackupService>(agent_, &BackupService::Stub::Delete, removal, operation);
  ASSERT_TRUE(agent_.WaitForEnd());
  agent_.Start();
  agent_.WaitForRecovery();
  v1::ListOperationsResponse all;
  ASSERT_TRUE(Call<v1::OperationService>(agent_, &v1::OperationService::Stub::List,
                                         v1::ListOperationsRequest(), all)
                  .ok());
  for (const v1::Operation& one : all.operations())
    if (one.kind() == "backup.delete") operation = one;
  EXPECT_EQ(Get(operation.id()).state(), v1::ORPHANED);
  ASSERT_TRUE(Renew(operation.id(), Key("testing")).ok());
  ASSERT_TRUE(Becomes(operation.id(), [](const auto& o) { return o.state() == v1::SUCCEEDED; }));
  EXPECT_EQ(Objects(), std::vector<std::string>());
}

TEST_F(RequestTarget, AnAgentThatIsStoppedUndoesTheBackupWhileItHasTheCredentials) {
  v1::Operation operation;
  ASSERT_TRUE(Begin(Slow(ByKey()), operation).ok());
  const std::string id = operation.id();
  ASSERT_TRUE(Becomes(id, [](const auto& o) { return o.progress().bytes_done() > 1U << 20U; }));
  agent_.Stop();
  EXPECT_EQ(Objects(), std::vector<std::string>());
  agent_.Start();
  EXPECT_EQ(Get(id).state(), v1::FAILED);
}

TEST_F(RequestTarget, TheCommandLineTakesTargetAndCredentialsFromFiles) {
  const os::Path target = agent_.home() / "target.json", key = agent_.home() / "key.json";
  std::ofstream(target) << fmt::format(
      R"({{"swift": {{"container": "{}", "create": true, "auth": "SWIFT_AUTH_TEMPAUTH",
          "auth_url": "{}/auth/v1.0", "user": "test:tester"}}, "retry_budget": "30s"}})",
      container_, TheSwift().url());
  const auto run = [&](std::vector<std::string> words, const std::string& input = "") {
    std::vector<std::string> command = {DBAGENT_BINARY_DIR "/agent/dbagentctl", "--socket",
                                        agent_.socket(), "backup"};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"--target", target});
    return RunProgram(command, input);
  };
  std::ofstream(key) << R"({"secret": "testing"})";
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  EXPECT_NE(run({"create", "--credentials", key}).status().FullMessage().find("others than its"),
            std::string::npos);
  std::filesystem::permissions(key, std::filesystem::perms(0600));
  EXPECT_OK(run({"create", "--credentials", key}));
  ASSERT_OK_AND_ASSIGN(const std::string listed,
                       run({"list", "--credentials", "-"}, R"({"secret": "testing"})"));
  EXPECT_NE(listed.find("logical"), std::string::npos) << listed;
  EXPECT_FALSE(Objects().empty());
}

TEST_F(RequestTarget, ABackupThatIsCancelledWhileItWaitsForATokenIsUndoneWhenOneComes) {
  v1::Operation operation;
  ASSERT_TRUE(Begin(Slow(ByToken()), operation).ok());
  const std::string id = operation.id();
  ASSERT_TRUE(Becomes(id, [](const auto& o) { return o.progress().bytes_done() > 1U << 20U; }));
  ASSERT_OK(TheSwift().ForgetTokens());
  ASSERT_TRUE(Waits(id));
  v1::CancelOperationRequest cancel;
  cancel.set_id(id);
  ASSERT_TRUE(
      Call<v1::OperationService>(agent_, &v1::OperationService::Stub::Cancel, cancel, operation)
          .ok());
  const v1::Operation orphan = agent_.Finish(operation);
  EXPECT_EQ(orphan.state(), v1::ORPHANED) << orphan.DebugString() << agent_.log();
  EXPECT_FALSE(Objects().empty());
  ASSERT_TRUE(Renew(id, ByToken().credentials()).ok());
  ASSERT_TRUE(Becomes(id, [](const auto& o) { return o.state() == v1::FAILED; }));
  EXPECT_EQ(Objects(), std::vector<std::string>());
}

}  // namespace
}  // namespace dbagent::tests
