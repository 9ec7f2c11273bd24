#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "tests/e2e/agent_process.h"
#include "tests/support/backup_files.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;
using v1::InstanceService;
using v1::OperationService;
using v1::UserService;

// One prepared agent for the tests that only look and add.
AgentProcess& TheAgent() {
  static AgentProcess* agent = [] {
    auto* made = new AgentProcess;
    made->Start();
    v1::PrepareInstanceRequest request;
    request.add_allowed_networks("127.0.0.0/8");
    request.add_databases()->set_name("shop");
    v1::NewUser& user = *request.add_users();
    user.mutable_user()->mutable_id()->set_name("app");
    user.set_password("let me in'\"\\");
    v1::DatabaseGrant& grant = *user.add_grants();
    grant.set_database("shop");
    grant.set_set(v1::ALL);
    made->Prepare(request);
    return made;
  }();
  return *agent;
}

class EndTheAgent : public testing::Environment {
  void TearDown() override { delete &TheAgent(); }
};
[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new EndTheAgent);

Outcome CreateDatabase(AgentProcess& agent, const std::string& name,
                       v1::CreateDatabasesResponse& response, const std::string& request_id = "") {
  v1::CreateDatabasesRequest request;
  request.set_request_id(request_id);
  request.add_databases()->set_name(name);
  return Call<DatabaseService>(agent, &DatabaseService::Stub::Create, request, response);
}

bool HasDatabase(AgentProcess& agent, const std::string& name) {
  v1::GetDatabaseRequest request;
  request.set_name(name);
  v1::Database found;
  return Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found).ok();
}

v1::Operation Backup(AgentProcess& agent, const std::string& database) {
  v1::CreateBackupRequest request;
  request.add_databases(database);
  v1::Operation operation;
  const Outcome outcome =
      Call<BackupService>(agent, &BackupService::Stub::Create, request, operation);
  EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
  return agent.Finish(operation);
}

v1::Operation Restore(AgentProcess& agent, const std::string& backup, const std::string& database,
                      const std::string& as) {
  v1::RestoreBackupRequest request;
  request.set_backup_id(backup);
  v1::RestoreTarget& target = *request.add_databases();
  target.set_database(database);
  target.set_restore_as(as);
  v1::Operation operation;
  const Outcome outcome =
      Call<BackupService>(agent, &BackupService::Stub::Restore, request, operation);
  EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
  return outcome.ok() ? agent.Finish(operation) : operation;
}

TEST(Agent, SaysThatItIsNotPreparedAndWhatToDo) {
  AgentProcess agent;
  agent.Start();
  EXPECT_EQ(agent.Instance().state(), v1::NOT_PREPARED);
  v1::CreateDatabasesResponse response;
  const Outcome outcome = CreateDatabase(agent, "shop", response);
  EXPECT_EQ(outcome.reason, "NOT_PREPARED");
  EXPECT_NE(outcome.hint, "");
}

TEST(Agent, PreparesAServerThatUsersReachOverTheNetwork) {
  AgentProcess& agent = TheAgent();
  Result<std::unique_ptr<ClientSession>> session =
      TheTraits().log_in(agent.port(), {"app", Secret("let me in'\"\\"), "shop"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  EXPECT_TRUE((*session)->Query("CREATE TABLE reached (n int)").ok());
  EXPECT_FALSE(TheTraits().log_in(agent.port(), {"app", Secret("wrong"), "shop"}).ok());
}

TEST(Agent, RefusesASecondPrepare) {
  v1::Operation operation;
  const Outcome outcome = Call<InstanceService>(TheAgent(), &InstanceService::Stub::Prepare,
                                                v1::PrepareInstanceRequest(), operation);
  EXPECT_EQ(outcome.reason, "ALREADY_PREPARED");
}

TEST(Agent, NamesThePartOfAPrepareThatFailedAndLeavesAnEmptyVolume) {
  AgentProcess agent;
  agent.Start();
  v1::PrepareInstanceRequest request;
  request.set_memory_bytes(256U << 20U);
  v1::Database& database = *request.add_databases();
  database.set_name("shop");
  database.set_character_set("klingon");
  v1::Operation operation;
  ASSERT_EQ(
      Call<InstanceService>(agent, &InstanceService::Stub::Prepare, request, operation).reason,
      "OK");
  operation = agent.Finish(operation);
  EXPECT_EQ(operation.state(), v1::FAILED);
  EXPECT_EQ(operation.error().reason(), "CHARACTER_SET_UNKNOWN");
  EXPECT_NE(operation.error().message().find("part 'databases'"), std::string::npos)
      << operation.error().message();
  EXPECT_EQ(agent.Instance().state(), v1::NOT_PREPARED);
  agent.Prepare();  // and it can be asked for once more
}

TEST(Agent, RefusesABadPrepareBeforeAnythingIsMade) {
  AgentProcess agent;
  agent.Start();
  v1::PrepareInstanceRequest request;
  request.add_databases()->set_name("shop");
  request.add_databases()->set_name(TheTraits().reserved_databases.at(0));
  v1::Operation operation;
  EXPECT_EQ(
      Call<InstanceService>(agent, &InstanceService::Stub::Prepare, request, operation).reason,
      "NAME_RESERVED");
  EXPECT_TRUE(std::filesystem::is_empty(agent.volume().generations()));
}

TEST(Agent, RefusesAVolumeThatHoldsData) {
  AgentProcess agent;
  std::filesystem::create_directories(agent.volume().generations() / "7" / "data");
  agent.Start();
  v1::Operation operation;
  EXPECT_EQ(Call<InstanceService>(agent, &InstanceService::Stub::Prepare,
                                  v1::PrepareInstanceRequest(), operation)
                .reason,
            "DATA_DIRECTORY_NOT_EMPTY");
}

TEST(Agent, TellsPerItemOfABatchWhatHappened) {
  AgentProcess& agent = TheAgent();
  v1::CreateDatabasesRequest request;
  for (const std::string& name : {std::string("batch-1"), TheTraits().reserved_databases.at(0),
                                  std::string(), std::string("batch-1"), std::string("batch-2")}) {
    request.add_databases()->set_name(name);
  }
  v1::CreateDatabasesResponse response;
  ASSERT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::Create, request, response).reason,
            "OK");
  ASSERT_EQ(response.items_size(), 5);
  EXPECT_TRUE(response.items(0).has_database());
  EXPECT_EQ(response.items(1).error().reason(), "NAME_RESERVED");
  EXPECT_EQ(response.items(2).error().reason(), "NAME_INVALID");
  EXPECT_EQ(response.items(3).error().reason(), "DATABASE_EXISTS");
  EXPECT_TRUE(response.items(4).has_database());
}

TEST(Agent, DoesNothingTwiceForOneRequestId) {
  AgentProcess& agent = TheAgent();
  v1::CreateDatabasesResponse first, second, third;
  ASSERT_EQ(CreateDatabase(agent, "once", first, "request-1").reason, "OK");
  ASSERT_EQ(CreateDatabase(agent, "once", second, "request-1").reason, "OK");
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(CreateDatabase(agent, "other", third, "request-1").reason, "REQUEST_ID_REUSED");
  EXPECT_FALSE(HasDatabase(agent, "other"));
}

TEST(Agent, RefusesAPageTokenOfAnotherListAndABrokenOne) {
  AgentProcess& agent = TheAgent();
  v1::CreateDatabasesResponse made;
  CreateDatabase(agent, "page-a", made);
  CreateDatabase(agent, "page-b", made);
  v1::ListDatabasesRequest request;
  request.mutable_page()->set_page_size(1);
  v1::ListDatabasesResponse page;
  ASSERT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::List, request, page).reason, "OK");
  const std::string token = page.page().next_page_token();
  ASSERT_NE(token, "");
  request.mutable_page()->set_page_token(token);
  EXPECT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::List, request, page).reason, "OK");
  v1::ListUsersRequest users;
  users.mutable_page()->set_page_token(token);
  v1::ListUsersResponse user_page;
  EXPECT_EQ(Call<UserService>(agent, &UserService::Stub::List, users, user_page).reason,
            "PAGE_TOKEN_INVALID");
  request.mutable_page()->set_page_token(token.substr(1));
  EXPECT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::List, request, page).reason,
            "PAGE_TOKEN_INVALID");
}

TEST(Agent, TurnsAwayAUidThatItDoesNotKnow) {
  AgentProcess agent;
  agent.peers = "{user: \"4242\", role: admin}";
  agent.Start();
  v1::Instance instance;
  const Outcome outcome = Call<InstanceService>(agent, &InstanceService::Stub::Get,
                                                google::protobuf::Empty(), instance);
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(agent.log().find("local.refused"), std::string::npos);
}

TEST(Agent, LetsAViewerLookAndNotTouch) {
  AgentProcess agent;
  agent.peers = "{user: \"" + std::to_string(geteuid()) + "\", role: viewer}";
  agent.Start();
  v1::Instance instance;
  EXPECT_EQ(
      Call<InstanceService>(agent, &InstanceService::Stub::Get, google::protobuf::Empty(), instance)
          .reason,
      "OK");
  v1::Operation operation;
  EXPECT_EQ(Call<InstanceService>(agent, &InstanceService::Stub::Prepare,
                                  v1::PrepareInstanceRequest(), operation)
                .reason,
            "METHOD_NOT_ALLOWED");
  EXPECT_NE(agent.log().find("outcome=METHOD_NOT_ALLOWED"), std::string::npos) << agent.log();
}

TEST(Agent, RefusesASecondAgentOnItsVolume) {
  AgentProcess agent;
  agent.Start();
  AgentProcess second;
  second.Start();
  second.Stop();
  std::filesystem::remove_all(second.volume().root());
  std::filesystem::create_directory_symlink(agent.volume().root(), second.volume().root());
  second.Start();
  EXPECT_TRUE(second.WaitForEnd());
  EXPECT_NE(second.log().find("VOLUME_IN_USE"), std::string::npos) << second.log();
  std::filesystem::remove(second.volume().root());
}

TEST(Agent, FindsItsServerAgainAfterItWasKilled) {
  AgentProcess& agent = TheAgent();
  const pid_t server = agent.server_pid();
  ASSERT_GT(server, 0);
  agent.Kill();
  EXPECT_TRUE(agent.Signal(server, 0));
  agent.Start();
  agent.WaitForRecovery();
  EXPECT_EQ(agent.Instance().state(), v1::HEALTHY);
  EXPECT_EQ(agent.server_pid(), server);
  v1::CreateDatabasesResponse made;
  EXPECT_EQ(CreateDatabase(agent, "after-kill", made).reason, "OK");
}

TEST(Agent, BringsAKilledServerBack) {
  AgentProcess& agent = TheAgent();
  const pid_t server = agent.server_pid();
  ASSERT_GT(server, 0);
  agent.Signal(server, SIGKILL);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool back = false;
  while (!back && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    back = agent.server_pid() != server && agent.server_pid() > 0 &&
           agent.Instance().state() == v1::HEALTHY;
  }
  EXPECT_TRUE(back) << agent.log();
}

TEST(Agent, StopsAndStartsTheServer) {
  AgentProcess& agent = TheAgent();
  v1::Operation operation;
  ASSERT_EQ(Call<InstanceService>(agent, &InstanceService::Stub::Stop, v1::StopInstanceRequest(),
                                  operation)
                .reason,
            "OK");
  EXPECT_EQ(agent.Finish(operation).state(), v1::SUCCEEDED);
  EXPECT_EQ(agent.server_pid(), 0);
  v1::CreateDatabasesResponse made;
  EXPECT_EQ(CreateDatabase(agent, "while-down", made).reason, "SERVER_UNAVAILABLE");
  agent.Stop();
  agent.Start();  // stays stopped across the agent's restart
  EXPECT_EQ(agent.Instance().state(), v1::STOPPED);
  ASSERT_EQ(Call<InstanceService>(agent, &InstanceService::Stub::Start, v1::StartInstanceRequest(),
                                  operation)
                .reason,
            "OK");
  EXPECT_EQ(agent.Finish(operation).state(), v1::SUCCEEDED);
  EXPECT_EQ(CreateDatabase(agent, "while-down", made).reason, "OK");
}

TEST(Agent, EnablesRootAndReallyDisablesIt) {
  AgentProcess& agent = TheAgent();
  v1::EnableRootRequest enable;
  enable.set_request_id("root-1");
  v1::EnableRootResponse enabled;
  ASSERT_EQ(Call<UserService>(agent, &UserService::Stub::EnableRoot, enable, enabled).reason, "OK");
  const std::string name = enabled.state().id().name();
  EXPECT_TRUE(TheTraits().log_in(agent.port(), {name, Secret(enabled.password()), "shop"}).ok());
  v1::EnableRootResponse again;
  EXPECT_EQ(Call<UserService>(agent, &UserService::Stub::EnableRoot, enable, again).reason,
            "ALREADY_APPLIED");
  v1::RootState state;
  ASSERT_EQ(
      Call<UserService>(agent, &UserService::Stub::DisableRoot, v1::DisableRootRequest(), state)
          .reason,
      "OK");
  EXPECT_FALSE(state.enabled());
  EXPECT_FALSE(TheTraits().log_in(agent.port(), {name, Secret(enabled.password()), "shop"}).ok());
}

// ---- backups
// --------------------------------------------------------------------------------------------------------

// A database with rows, made as the user would.
void FillDatabase(AgentProcess& agent, const std::string& table) {
  Result<std::unique_ptr<ClientSession>> session =
      TheTraits().log_in(agent.port(), {"app", Secret("let me in'\"\\"), "shop"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  ASSERT_TRUE(
      (*session)->Query("CREATE TABLE " + table + " (n int primary key, t varchar(100))").ok());
  ASSERT_TRUE(
      (*session)
          ->Query("INSERT INTO " + table + " VALUES (1, 'ünïcödé'), (2, 'line\nbreak'), (3, NULL)")
          .ok());
}

std::string TextOf(const os::Path& file) {
  Result<std::string> text = os::ReadFile(file);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  return text.ok() ? *std::move(text) : std::string();
}

TEST(Backups, RestoreWhatWasLost) {
  AgentProcess& agent = TheAgent();
  FillDatabase(agent, "precious");
  const v1::Operation made = Backup(agent, "shop");
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  const v1::Operation restored = Restore(agent, made.backup_id(), "shop", "shop-again");
  ASSERT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString();
  v1::GrantRequest grant;
  grant.mutable_id()->set_name("app");
  v1::DatabaseGrant& all = *grant.add_grants();
  all.set_database("shop-again");
  all.set_set(v1::ALL);
  v1::GrantResponse granted;
  ASSERT_EQ(Call<UserService>(agent, &UserService::Stub::Grant, grant, granted).reason, "OK");
  ASSERT_FALSE(granted.items(0).has_error()) << granted.DebugString();
  Result<std::unique_ptr<ClientSession>> session =
      TheTraits().log_in(agent.port(), {"app", Secret("let me in'\"\\"), "shop-again"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  Result<ClientSession::Table> rows = (*session)->Query("SELECT n, t FROM precious ORDER BY n");
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(*rows, (ClientSession::Table{{"1", "ünïcödé"}, {"2", "line\nbreak"}, {"3", "<null>"}}));
}

TEST(Backups, RefuseToRestoreOverADatabaseThatExists) {
  AgentProcess& agent = TheAgent();
  const v1::Operation made = Backup(agent, "shop");
  const v1::Operation restored = Restore(agent, made.backup_id(), "shop", "");
  EXPECT_EQ(restored.state(), v1::FAILED);
  EXPECT_EQ(restored.error().reason(), "DATABASE_EXISTS");
  EXPECT_TRUE(HasDatabase(agent, "shop"));
}

TEST(Backups, RefuseOneThatIsMissingCutOrAlteredAndMakeNothing) {
  AgentProcess& agent = TheAgent();
  const v1::Operation made = Backup(agent, "shop");
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString();
  const os::Path folder = agent.store_directory / agent.Instance().id() / made.backup_id();
  const auto change = [](const os::Path& file, const std::function<void(std::string&)>& how) {
    std::string text = TextOf(file);
    how(text);
    ASSERT_TRUE(os::WriteFileAtomic(file, text, 0600).ok());
  };
  struct Case {
    os::Path file;
    std::function<void(std::string&)> how;
  };
  for (const Case& c :
       {Case{FileOfObject(folder, "chunks/0000/00000000.zst"),
             [](std::string& text) { text[text.size() / 2] ^= 1; }},
        Case{FileOfObject(folder, "chunks/0000/00000000.zst"),
             [](std::string& text) { text.pop_back(); }},
        Case{FileOfObject(folder, "index/0000/0000"), [](std::string& text) { text[10] ^= 1; }},
        Case{folder / "manifest", [](std::string& text) { text[20] ^= 1; }},
        Case{folder / "manifest", [](std::string& text) { text.resize(text.size() / 2); }}}) {
    const std::string whole = TextOf(c.file);
    change(c.file, c.how);
    v1::RestoreBackupRequest request;
    request.set_backup_id(made.backup_id());
    request.add_databases()->set_database("shop");
    request.mutable_databases(0)->set_restore_as("from-broken");
    v1::Operation operation;
    const Outcome outcome =
        Call<BackupService>(agent, &BackupService::Stub::Restore, request, operation);
    const std::string reason =
        outcome.ok() ? agent.Finish(operation).error().reason() : outcome.reason;
    EXPECT_EQ(reason, "BACKUP_CORRUPT") << c.file;
    EXPECT_FALSE(HasDatabase(agent, "from-broken"));
    change(c.file, [&](std::string& text) { text = whole; });
  }
  std::filesystem::remove(FileOfObject(folder, "chunks/0000/00000000.zst"));
  EXPECT_EQ(Restore(agent, made.backup_id(), "shop", "from-broken").error().reason(),
            "BACKUP_CORRUPT");
  v1::RestoreBackupRequest request;
  request.set_backup_id("20200101T000000Z-000000000000");
  v1::Operation operation;
  EXPECT_EQ(Call<BackupService>(agent, &BackupService::Stub::Restore, request, operation).reason,
            "BACKUP_NOT_FOUND");
}

TEST(Backups, AreListedShownAndDeleted) {
  AgentProcess& agent = TheAgent();
  const v1::Operation made = Backup(agent, "shop");
  v1::GetBackupRequest get;
  get.set_id(made.backup_id());
  v1::Backup backup;
  ASSERT_EQ(Call<BackupService>(agent, &BackupService::Stub::Get, get, backup).reason, "OK");
  ASSERT_EQ(backup.streams_size(), 1);
  EXPECT_EQ(backup.streams(0).name(), "databases/shop.sql");
  v1::ListBackupsResponse list;
  ASSERT_EQ(
      Call<BackupService>(agent, &BackupService::Stub::List, v1::ListBackupsRequest(), list).reason,
      "OK");
  ASSERT_GE(list.backups_size(), 1);
  EXPECT_EQ(list.backups(0).id(), made.backup_id());
  v1::DeleteBackupRequest remove;
  remove.set_id(made.backup_id());
  v1::Operation operation;
  ASSERT_EQ(Call<BackupService>(agent, &BackupService::Stub::Delete, remove, operation).reason,
            "OK");
  EXPECT_EQ(agent.Finish(operation).state(), v1::SUCCEEDED);
  EXPECT_EQ(Call<BackupService>(agent, &BackupService::Stub::Get, get, backup).reason,
            "BACKUP_NOT_FOUND");
  EXPECT_FALSE(
      std::filesystem::exists(agent.store_directory / agent.Instance().id() / made.backup_id()));
}

}  // namespace
}  // namespace dbagent::tests
