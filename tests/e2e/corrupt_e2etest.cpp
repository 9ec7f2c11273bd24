// Backups that somebody damaged, restored and verified by the real agent: refused by the object's
// name, and nothing of the server is touched. (Every kind of damage to every byte range:
// tests/unit/backup_repository_test.cpp.)
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/e2e/agent_process.h"
#include "tests/support/backup_files.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;
using v1::DatabaseService;

class CorruptBackups : public testing::Test {
 protected:
  void SetUp() override {
    agent_.more_settings =
        "backup: {chunk_size: 64KiB}\n";  // several chunks, also of small servers
    agent_.Start();
    agent_.PrepareWithApp({"one", "two"});
    Ask("CREATE TABLE precious (n int)");
    Ask("INSERT INTO precious VALUES (1), (2), (3)");
    server_ = agent_.server_pid();
    before_ = State();
  }

  ClientSession::Table Ask(const std::string& sql) {
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "one"});
    EXPECT_TRUE(session.ok()) << session.status().ToString();
    if (!session.ok()) return {};
    auto rows = (*session)->Query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  // Rows, databases, generations: all that a restore could touch.
  std::string State() {
    std::string state;
    for (const auto& row : Ask("SELECT n FROM precious ORDER BY n")) state += row[0] + " ";
    v1::ListDatabasesResponse databases;
    EXPECT_EQ(Call<DatabaseService>(agent_, &DatabaseService::Stub::List,
                                    v1::ListDatabasesRequest(), databases)
                  .reason,
              "OK");
    for (const v1::Database& database : databases.databases()) state += database.name() + " ";
    const auto numbers = agent_.volume().Numbers();
    EXPECT_TRUE(numbers.ok()) << numbers.status().ToString();
    return state + std::to_string(numbers.ok() ? numbers->size() : 0) + " generation";
  }
  std::string Backup(v1::BackupMethod method) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    if (method == v1::BACKUP_METHOD_LOGICAL) {
      for (const char* name : {"one", "two"}) request.add_databases(name);
    }
    v1::Operation operation;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).reason,
              "OK");
    operation = agent_.Finish(operation);
    EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
    return operation.backup_id();
  }
  // The error of the call or of its operation.
  template <typename Request>
  v1::Error Run(grpc::Status (BackupService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            v1::Operation*),
                const Request& request) {
    v1::Operation operation;
    const Outcome outcome = Call<BackupService>(agent_, method, request, operation);
    if (outcome.ok()) return agent_.Finish(operation).error();
    v1::Error error;
    error.set_reason(outcome.reason);
    error.set_message(outcome.status.error_message());
    return error;
  }
  v1::Error Restore(const std::string& backup, bool physical) {
    v1::RestoreBackupRequest request;
    request.set_backup_id(backup);
    request.set_replace_everything(physical);
    for (const char* name : {"one", "two"}) {
      if (physical) continue;
      v1::RestoreTarget& target = *request.add_databases();
      target.set_database(name);
      target.set_restore_as(std::string(name) + "-again");
    }
    return Run(&BackupService::Stub::Restore, request);
  }
  v1::Error Verify(const std::string& backup) {
    v1::VerifyBackupRequest request;
    request.set_id(backup);
    return Run(&BackupService::Stub::Verify, request);
  }
  v1::Backup Get(const std::string& backup) {
    v1::GetBackupRequest request;
    request.set_id(backup);
    v1::Backup found;
    EXPECT_EQ(Call<BackupService>(agent_, &BackupService::Stub::Get, request, found).reason, "OK");
    return found;
  }
  os::Path Folder(const std::string& backup) {
    return agent_.store_directory / agent_.Instance().id() / backup;
  }
  void TryEveryDamage(v1::BackupMethod method);

  AgentProcess agent_;
  pid_t server_ = 0;
  std::string before_;
};

void Swap(const os::Path& one, const os::Path& two) {
  const os::Path between = one.native() + "-between";
  std::filesystem::rename(one, between);
  std::filesystem::rename(two, one);
  std::filesystem::rename(between, two);
}

// Two backups of files share many.
std::string DifferingChunk(const os::Path& one, const os::Path& two) {
  for (int number = 0;; ++number) {
    const std::string name = fmt::format("chunks/0000/{:08}.zst", number);
    const Result<std::string> left = os::ReadFile(FileOfObject(one, name)),
                              right = os::ReadFile(FileOfObject(two, name));
    if (!left.ok() || !right.ok()) throw std::runtime_error("no chunk differs");
    if (*left != *right) return name;
  }
}

void CorruptBackups::TryEveryDamage(v1::BackupMethod method) {
  const bool physical = method == v1::BACKUP_METHOD_PHYSICAL;
  const std::string other = Backup(method);
  Ask("INSERT INTO precious VALUES (4)");  // or they might hold the same bytes
  before_ = State();
  const std::string backup = Backup(method);
  const os::Path folder = Folder(backup);
  const std::string chunk = "chunks/0000/00000000.zst", index = "index/0000/0000",
                    index_two = "index/0001/0000";
  const bool streams = std::filesystem::exists(FileOfObject(folder, index_two));  // more than one
  const std::string chunk_two = streams ? "chunks/0001/00000000.zst" : "chunks/0000/00000001.zst";
  struct Case {
    std::string what, object;
    std::function<void()> damage;
  };
  std::vector<Case> cases = {{"two chunks swapped", chunk, [&] {
                                Swap(FileOfObject(folder, chunk), FileOfObject(folder, chunk_two));
                              }}};
  if (streams) {
    cases.push_back({"indexes of two streams swapped", index,
                     [&] { Swap(FileOfObject(folder, index), FileOfObject(folder, index_two)); }});
  }
  for (const std::string& name : {chunk, index, std::string("manifest")}) {
    cases.push_back({"truncated", name, [&folder, name] {
                       std::filesystem::resize_file(
                           FileOfObject(folder, name),
                           std::filesystem::file_size(FileOfObject(folder, name)) / 2);
                     }});
    cases.push_back({"altered", name, [&folder, name] {
                       std::fstream file(FileOfObject(folder, name),
                                         std::ios::in | std::ios::out | std::ios::binary);
                       file.seekg(20);
                       const int old = file.get();
                       file.seekp(20);
                       file.put(static_cast<char>(old ^ 1));
                     }});
    cases.push_back({"missing", name,
                     [&folder, name] { std::filesystem::remove(FileOfObject(folder, name)); }});
    const std::string differs = name == chunk ? DifferingChunk(folder, Folder(other)) : name;
    cases.push_back({"of another backup", differs, [&, differs] {
                       std::filesystem::copy_file(
                           FileOfObject(Folder(other), differs), FileOfObject(folder, differs),
                           std::filesystem::copy_options::overwrite_existing);
                     }});
  }
  const os::Path whole = agent_.home() / "whole";
  std::filesystem::copy(folder, whole, std::filesystem::copy_options::recursive);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.object + " " + c.what);
    c.damage();
    const bool no_backup = c.object == "manifest" && c.what == "missing";
    const std::string reason = no_backup ? "BACKUP_NOT_FOUND" : "BACKUP_CORRUPT";
    const v1::Error refused = Restore(backup, physical);
    EXPECT_EQ(refused.reason(), reason) << refused.DebugString();
    if (!no_backup) {
      EXPECT_NE(PlainName(refused.message()).find(backup + "/" + c.object), std::string::npos)
          << refused.message();
    }
    EXPECT_EQ(agent_.server_pid(), server_);
    EXPECT_EQ(State(), before_);
    const v1::Error found = Verify(backup);
    EXPECT_EQ(found.reason(), reason) << found.DebugString();
    if (!no_backup) {
      EXPECT_NE(PlainName(found.message()).find(c.object), std::string::npos) << found.message();
    }
    std::filesystem::remove_all(folder);
    std::filesystem::copy(whole, folder, std::filesystem::copy_options::recursive);
  }
  EXPECT_EQ(Verify(backup).reason(), "");
  EXPECT_EQ(Restore(backup, physical).reason(), "");
}

TEST_F(CorruptBackups, LogicalOnesAreRefusedAndTheServerIsNotTouched) {
  TryEveryDamage(v1::BACKUP_METHOD_LOGICAL);
}

TEST_F(CorruptBackups, PhysicalOnesAreRefusedAndTheServerIsNotTouched) {
  v1::Capabilities capabilities;
  Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::GetCapabilities,
                            google::protobuf::Empty(), capabilities);
  const auto& all = capabilities.capabilities();
  if (std::find(all.begin(), all.end(), "physical_backup") == all.end()) return;
  TryEveryDamage(v1::BACKUP_METHOD_PHYSICAL);
}

TEST_F(CorruptBackups, VerifyNeedsNoServerTellsAllAndIsShownBesideTheBackup) {
  const std::string backup = Backup(v1::BACKUP_METHOD_LOGICAL);
  EXPECT_FALSE(Get(backup).has_last_verify_time());
  v1::Operation stopped;
  ASSERT_EQ(Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::Stop,
                                      v1::StopInstanceRequest(), stopped)
                .reason,
            "OK");
  ASSERT_EQ(agent_.Finish(stopped).state(), v1::SUCCEEDED);
  EXPECT_EQ(Verify(backup).reason(), "");
  EXPECT_TRUE(Get(backup).has_last_verify_time());
  EXPECT_FALSE(Get(backup).has_last_verify_error());
  std::filesystem::resize_file(FileOfObject(Folder(backup), "chunks/0000/00000000.zst"), 10);
  std::filesystem::remove(FileOfObject(Folder(backup), "chunks/0001/00000000.zst"));
  const v1::Error found = Verify(backup);
  EXPECT_EQ(found.reason(), "BACKUP_CORRUPT");
  EXPECT_EQ(found.code(), static_cast<int>(Code::kDataLoss));
  EXPECT_NE(found.message().find("2 bad objects"), std::string::npos) << found.message();
  EXPECT_EQ(Get(backup).last_verify_error().reason(), "BACKUP_CORRUPT");
  v1::ListBackupsResponse list;
  ASSERT_EQ(Call<BackupService>(agent_, &BackupService::Stub::List, v1::ListBackupsRequest(), list)
                .reason,
            "OK");
  EXPECT_EQ(list.backups(0).last_verify_error().reason(), "BACKUP_CORRUPT");
  EXPECT_EQ(Verify("20200101T000000Z-000000000000").reason(), "BACKUP_NOT_FOUND");
}

TEST_F(CorruptBackups, ASweepRemovesWhatWasAbandonedAndSaysSo) {
  const std::string whole = Backup(v1::BACKUP_METHOD_LOGICAL);
  const auto abandon = [&](const char* id, const char* lease_until) {
    std::filesystem::copy(Folder(whole), Folder(id), std::filesystem::copy_options::recursive);
    std::filesystem::remove(Folder(id) / "manifest");
    std::ofstream(Folder(id) / "in-progress")
        << "{\"backup_id\":\"" << id << "\",\"lease_until\":\"" << lease_until << "\"}\n";
  };
  const char* const old = "20200101T000000Z-000000000000";
  const char* const living = "20200101T000000Z-000000000001";
  abandon(old, "2020-01-01T00:10:00Z");
  abandon(living, "2100-01-01T00:10:00Z");
  v1::Operation operation;
  ASSERT_EQ(
      Call<BackupService>(agent_, &BackupService::Stub::Sweep, v1::SweepBackupsRequest(), operation)
          .reason,
      "OK");
  operation = agent_.Finish(operation);
  EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
  ASSERT_EQ(operation.notes_size(), 2) << operation.DebugString();
  EXPECT_TRUE(operation.notes(0).starts_with("1 abandoned backups removed")) << operation.notes(0);
  EXPECT_NE(operation.notes(1).find(old), std::string::npos) << operation.notes(1);
  EXPECT_FALSE(std::filesystem::exists(Folder(old)));
  EXPECT_TRUE(std::filesystem::exists(Folder(living)));
  EXPECT_EQ(Verify(whole).reason(), "");
  // and each backup ends with one
  abandon(old, "2020-01-01T00:10:00Z");
  Backup(v1::BACKUP_METHOD_LOGICAL);
  EXPECT_FALSE(std::filesystem::exists(Folder(old)));
  EXPECT_TRUE(std::filesystem::exists(Folder(living)));
}

}  // namespace
}  // namespace dbagent::tests
