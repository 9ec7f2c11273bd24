#include "tests/fault/halting_agent.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "agent/os/process.h"
#include "agent/os/server_record.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;
using v1::InstanceService;

template <typename Condition>
bool Within(std::chrono::seconds span, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool IsStopped(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t end = text.rfind(')');  // of the program's name
  return end != std::string::npos && text.substr(end + 2, 1) == "T";
}

// More than the buffers hold, so that a dump is still under way while its first chunk is stored.
std::string Smaller(std::string sql) {
  constexpr std::string_view kRows = "60000";
  if (const std::size_t at = sql.find(kRows); at != std::string::npos)
    sql.replace(at, kRows.size(), "24000");
  return sql;
}

}  // namespace

bool Thorough() {
  return std::getenv("DBAGENT_TEST_THOROUGH") != nullptr;
}

void HaltingAgent::Start() {
  agent.more_settings = "limits: {stream_buffers: 40MiB}\nbackup: {chunk_size: 1MiB}\n";
  stopping_ = false;
  std::error_code none;
  std::filesystem::remove(Control(), none);
  std::filesystem::remove(Control().native() + ".reached", none);
  agent.Start(
      {{"DBAGENT_POINT_CONTROL", Control()}, {"DBAGENT_KILL_LOG", agent.home() / "points"}});
}

void HaltingAgent::Prepare() {
  agent.PrepareWithApp({"keep", "tiny"});
  auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "keep"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  for (const std::string& sql : TheTraits().bulk_data) {
    const auto made = (*session)->Query(Smaller(sql));
    ASSERT_TRUE(made.ok()) << made.status().ToString();
  }
}

bool HaltingAgent::HasCapability(const std::string& name) {
  v1::Capabilities capabilities;
  Call<InstanceService>(agent, &InstanceService::Stub::GetCapabilities, google::protobuf::Empty(),
                        capabilities);
  const auto& all = capabilities.capabilities();
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::vector<std::string> HaltingAgent::PointsOf(const std::function<void()>& call) {
  const os::Path log = agent.home() / "points";
  std::ofstream(log, std::ios::trunc).flush();
  call();
  std::vector<std::string> points;
  std::map<std::string, int> seen;
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const int nth = ++seen[line];
    if (nth <= 2) points.push_back(nth == 1 ? line : line + " 2");
  }
  return points;
}

void HaltingAgent::Ask(const std::string& verb, const std::string& point) {
  stopping_ = verb == "stop";
  const os::Path beside = agent.home() / "control.new";
  std::ofstream(beside) << verb << ' ' << point << '\n';
  std::filesystem::rename(beside, Control());
}

bool HaltingAgent::StandsThere(std::chrono::seconds span) {
  const os::Path reached = Control().native() + ".reached";
  return Within(span, [&] { return std::filesystem::exists(reached); }) &&
         (!stopping_ || Within(span, [&] { return IsStopped(agent.pid()); }));
}

void HaltingAgent::GoOn() {
  std::error_code none;
  std::filesystem::remove(Control(), none);
  std::filesystem::remove(Control().native() + ".reached", none);
  if (stopping_ && agent.pid() > 0) kill(agent.pid(), SIGCONT);
  stopping_ = false;
}

v1::Operation HaltingAgent::NewestOf(const std::string& kind) {
  v1::ListOperationsRequest request;
  request.set_kind(kind);
  request.mutable_page()->set_page_size(1);
  v1::ListOperationsResponse response;
  Call<v1::OperationService>(agent, &v1::OperationService::Stub::List, request, response);
  return response.operations().empty() ? v1::Operation() : response.operations(0);
}

v1::Operation HaltingAgent::BeginBackup(bool physical, const std::string& database) {
  v1::CreateBackupRequest request;
  if (physical) {
    request.set_method(v1::BACKUP_METHOD_PHYSICAL);
  } else {
    request.add_databases(database);
  }
  v1::Operation operation;
  Call<BackupService>(agent, &BackupService::Stub::Create, request, operation);
  return operation;
}

v1::Operation HaltingAgent::Backup(bool physical, const std::string& database) {
  v1::Operation operation = BeginBackup(physical, database);
  if (!operation.id().empty()) operation = agent.Finish(operation);
  EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << agent.log();
  return operation;
}

v1::Operation HaltingAgent::BeginRestore(const std::string& backup, const std::string& as) {
  v1::RestoreBackupRequest request;
  request.set_backup_id(backup);
  request.add_databases();
  v1::GetBackupRequest get;
  get.set_id(backup);
  v1::Backup found;
  Call<BackupService>(agent, &BackupService::Stub::Get, get, found);
  if (found.streams_size() > 0)
    request.mutable_databases(0)->set_database(found.streams(0).database());
  request.mutable_databases(0)->set_restore_as(as);
  v1::Operation operation;
  Call<BackupService>(agent, &BackupService::Stub::Restore, request, operation);
  return operation;
}

v1::Operation HaltingAgent::BeginRestoreServer(const std::string& backup) {
  v1::RestoreBackupRequest request;
  request.set_backup_id(backup);
  request.set_replace_everything(true);
  v1::Operation operation;
  Call<BackupService>(agent, &BackupService::Stub::Restore, request, operation);
  return operation;
}

v1::Operation HaltingAgent::BeginDelete(const std::string& backup) {
  v1::DeleteBackupRequest request;
  request.set_id(backup);
  v1::Operation operation;
  Call<BackupService>(agent, &BackupService::Stub::Delete, request, operation);
  return operation;
}

v1::Operation HaltingAgent::Verify(const std::string& backup) {
  v1::VerifyBackupRequest request;
  request.set_id(backup);
  v1::Operation operation;
  if (Call<BackupService>(agent, &BackupService::Stub::Verify, request, operation).ok())
    operation = agent.Finish(operation);
  return operation;
}

bool HaltingAgent::Exists(const std::string& database) {
  v1::GetDatabaseRequest request;
  request.set_name(database);
  v1::Database found;
  const Outcome outcome = Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found);
  EXPECT_TRUE(outcome.ok() || outcome.reason == "DATABASE_NOT_FOUND") << outcome.reason;
  return outcome.ok();
}

void HaltingAgent::Create(const std::string& database) {
  if (Exists(database)) return;
  v1::CreateDatabasesRequest request;
  request.add_databases()->set_name(database);
  v1::CreateDatabasesResponse response;
  EXPECT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::Create, request, response).reason,
            "OK");
}

void HaltingAgent::Drop(const std::string& database) {
  v1::DeleteDatabasesRequest request;
  request.add_names(database);
  v1::DeleteDatabasesResponse response;
  EXPECT_EQ(Call<DatabaseService>(agent, &DatabaseService::Stub::Delete, request, response).reason,
            "OK");
}

std::vector<std::string> HaltingAgent::Backups() {
  v1::ListBackupsResponse list;
  EXPECT_EQ(
      Call<BackupService>(agent, &BackupService::Stub::List, v1::ListBackupsRequest(), list).reason,
      "OK");
  std::vector<std::string> ids;
  for (const v1::Backup& backup : list.backups()) {
    EXPECT_FALSE(backup.has_error()) << backup.DebugString();
    ids.push_back(backup.id());
  }
  return ids;
}

ClientSession::Table HaltingAgent::Contents() {
  ClientSession::Table rows;
  Within(std::chrono::seconds(30), [&] {  // a server that was killed recovers first
    auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "keep"});
    if (!session.ok()) return false;
    // no temporary tables: a MariaDB that starts removes those of others in the same directory
    auto answer = (*session)->Query(
        "SELECT count(*), sum(i), sum(length(t)), left(min(t), 32), left(max(t), 32) FROM bulk");
    if (!answer.ok()) return false;
    rows = *std::move(answer);
    return true;
  });
  return rows;
}

pid_t HaltingAgent::ServerPid() {
  const auto record = os::ReadServerRecord(agent.volume().agent() / "server");
  if (!record.ok() || !*record || !(*record)->should_run || (*record)->pid == 0) return 0;
  const auto process = os::ReadProcess((*record)->pid);
  return process && process->start_time == (*record)->start_time ? (*record)->pid : 0;
}

std::vector<pid_t> HaltingAgent::Tools() {
  std::vector<pid_t> tools;
  const os::Path ledger = agent.volume().agent() / "children";
  if (!std::filesystem::exists(ledger)) return tools;
  for (const auto& entry : std::filesystem::directory_iterator(ledger)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && os::ReadProcess(pid)) tools.push_back(pid);
  }
  return tools;
}

std::size_t HaltingAgent::Manifests() {
  std::size_t count = 0;
  if (!std::filesystem::exists(agent.store_directory)) return 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent.store_directory))
    count += entry.path().filename() == "manifest" ? 1U : 0U;
  return count;
}

void HaltingAgent::ExpectNothingLeft() {
  EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
  EXPECT_TRUE(std::filesystem::is_empty(agent.volume().agent() / "children"));
  std::vector<pid_t> strangers;
  EXPECT_TRUE(Within(std::chrono::seconds(10),
                     [&] {
                       strangers.clear();
                       const pid_t server = ServerPid();
                       const auto all = os::Descendants(agent.pid());
                       const auto of_server = os::Descendants(server == 0 ? agent.pid() : server);
                       if (!all.ok() || !of_server.ok() || server == 0) return false;
                       std::set<pid_t> known{server};
                       for (const os::ProcessFacts& process : *of_server) known.insert(process.pid);
                       for (const os::ProcessFacts& process : *all) {
                         if (!known.contains(process.pid)) strangers.push_back(process.pid);
                       }
                       return strangers.empty();
                     }))
      << "a process is left: " << (strangers.empty() ? 0 : strangers.front());
  const auto numbers = agent.volume().Numbers();
  ASSERT_TRUE(numbers.ok()) << numbers.status().ToString();
  EXPECT_EQ(numbers->size(), 1U) << "a generation is left";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent.store_directory)) {
    const std::string name = entry.path().filename();
    EXPECT_NE(name, "in-progress") << entry.path();
    EXPECT_NE(name, "deleting") << entry.path();
    EXPECT_FALSE(name.starts_with(".new-")) << entry.path();
    if (IsId(name) && entry.is_directory() && entry.path().parent_path().filename() != "verify") {
      EXPECT_TRUE(std::filesystem::exists(entry.path() / "manifest")) << entry.path();
    }
  }
  if (TheTraits().kind != "postgresql") return;
  auto session = TheTraits().log_in(agent.port(), {"app", Secret("pw"), "keep"});
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  for (const char* sql :
       {"SELECT count(*) FROM pg_replication_slots", "SELECT count(*) FROM pg_stat_replication",
        "SELECT count(*) FROM pg_database WHERE datname ~ '^k-after'",
        "SELECT count(*) FROM pg_roles WHERE rolname ~ '^dbagent-loader' AND rolcanlogin"}) {
    const auto rows = (*session)->Query(sql);
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ((*rows)[0][0], "0") << sql;
  }
}

}  // namespace dbagent::tests
