// The agent is killed, or stopped, in the middle of a backup or a restore: its next life goes on,
// and keeps what was finished.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/fault/halting_agent.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

class Resume : public testing::Test {
 protected:
  static HaltingAgent& It() {
    if (!it_) {
      it_ = std::make_unique<HaltingAgent>();
      it_->Start();
      it_->Prepare();
      contents_ = it_->Contents();
    }
    return *it_;
  }
  static void TearDownTestSuite() { it_.reset(); }

  // Of `tiny` and then `keep`, one at a time.
  static v1::CreateBackupRequest Both() {
    v1::CreateBackupRequest request;
    for (const char* name : {"tiny", "keep"}) request.add_databases(name);
    request.set_parallel(1);
    return request;
  }
  static v1::CreateBackupRequest Physical() {
    v1::CreateBackupRequest request;
    request.set_method(v1::BACKUP_METHOD_PHYSICAL);
    return request;
  }
  template <typename Request>
  static v1::Operation Begin(const Request& request) {
    const auto method = [] {
      if constexpr (std::is_same_v<Request, v1::CreateBackupRequest>) {
        return &BackupService::Stub::Create;
      } else {
        return &BackupService::Stub::Restore;
      }
    }();
    v1::Operation operation;
    EXPECT_EQ(Call<BackupService>(It().agent, method, request, operation).reason, "OK");
    return operation;
  }
  template <typename Request>
  static v1::Operation HaltedAt(const std::string& point, const Request& request) {
    It().Ask("hold", point);
    const v1::Operation operation = Begin(request);
    EXPECT_TRUE(It().StandsThere()) << It().agent.log();
    return operation;
  }
  static void KillAndStart() {
    It().agent.Kill();
    It().Start();
  }
  // As the agent's package is upgraded: the operation gets time to end, and does not.
  static void StopAndStart() {
    kill(It().agent.pid(), SIGTERM);
    It().GoOn();
    ASSERT_TRUE(It().agent.WaitForEnd()) << It().agent.log();
    It().Start();
  }

  static v1::Backup Get(const std::string& id) {
    v1::GetBackupRequest request;
    request.set_id(id);
    v1::Backup backup;
    EXPECT_EQ(Call<BackupService>(It().agent, &BackupService::Stub::Get, request, backup).reason,
              "OK");
    return backup;
  }
  static os::Path Folder(const std::string& backup) {
    return It().agent.store_directory / It().agent.Instance().id() / backup;
  }
  // `0000-<attempt>` of each stream that something was stored of.
  static std::set<std::string> Attempts(const std::string& backup) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder(backup) / "chunks"))
      names.insert(entry.path().filename());
    return names;
  }
  static std::string NotesOf(const v1::Operation& operation) {
    std::string all;
    for (const std::string& note : operation.notes()) all += note + "\n";
    return all;
  }
  static void ExpectWhole(const v1::Operation& ended, std::size_t streams) {
    ASSERT_EQ(ended.state(), v1::SUCCEEDED) << ended.DebugString() << It().agent.log();
    EXPECT_NE(NotesOf(ended).find("goes on after the agent was restarted"), std::string::npos);
    EXPECT_EQ(It().Verify(ended.backup_id()).state(), v1::SUCCEEDED);
    EXPECT_EQ(Attempts(ended.backup_id()).size(), streams) << "chunks of an attempt are left";
    It().ExpectNothingLeft();
  }

  static inline std::unique_ptr<HaltingAgent> it_;
  static inline ClientSession::Table contents_;
};

TEST_F(Resume, ALogicalBackupGoesOnFromTheDatabasesThatWereFinished) {
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "stopped");
    const v1::Operation begun = HaltedAt("backup.stream_journalled", Both());
    const std::string backup = It().NewestOf("backup.create").backup_id();
    const std::set<std::string> before = Attempts(backup);
    ASSERT_EQ(before.size(), 1U);
    killed ? KillAndStart() : StopAndStart();
    const v1::Operation ended = It().agent.Finish(begun);
    ExpectWhole(ended, 2);
    EXPECT_EQ(ended.backup_id(), backup);
    EXPECT_TRUE(Attempts(backup).contains(*before.begin())) << "it was dumped again";
    EXPECT_NE(NotesOf(ended).find("1 of its streams were finished before"), std::string::npos)
        << NotesOf(ended);
    EXPECT_EQ(Get(backup).streams_size(), 2);
    const v1::Operation restored = It().agent.Finish(It().BeginRestore(backup, "k-again"));
    EXPECT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString();
    It().Drop("k-again");
  }
}

TEST_F(Resume, WhatWasStoredOfAnUnfinishedDatabaseIsStoredAnewAndTheRestOfItRemoved) {
  const v1::Operation begun = HaltedAt("backup.chunk_stored 2", Both());
  KillAndStart();
  ExpectWhole(It().agent.Finish(begun), 2);
}

TEST_F(Resume, APhysicalBackupStartsAgainAndSaysSo) {
  if (!It().HasCapability("physical_backup")) return;
  for (const bool killed : {true, false}) {
    const v1::Operation begun = HaltedAt("backup.chunk_stored", Physical());
    killed ? KillAndStart() : StopAndStart();
    const v1::Operation ended = It().agent.Finish(begun);
    ExpectWhole(ended, static_cast<std::size_t>(Get(ended.backup_id()).streams_size()));
    EXPECT_NE(NotesOf(ended).find("copied again from the beginning"), std::string::npos);
  }
}

TEST_F(Resume, ABackupThatGoesOnCanBeCancelledAndLeavesNothing) {
  const v1::Operation begun = HaltedAt("backup.stream_journalled", Both());
  It().agent.Kill();
  It().Start();
  It().Ask("hold", "backup.stream_dumped");
  ASSERT_TRUE(It().StandsThere()) << It().agent.log();
  v1::CancelOperationRequest request;
  request.set_id(begun.id());
  v1::Operation cancelled;
  EXPECT_EQ(Call<v1::OperationService>(It().agent, &v1::OperationService::Stub::Cancel, request,
                                       cancelled)
                .reason,
            "OK");
  It().GoOn();
  const v1::Operation ended = It().agent.Finish(begun);
  EXPECT_EQ(ended.state(), v1::CANCELLED) << ended.DebugString();
  EXPECT_FALSE(std::filesystem::exists(Folder(ended.backup_id())));
}

TEST_F(Resume, ABackupThatWasCancelledDoesNotComeBackToLife) {
  const v1::Operation begun = HaltedAt("backup.stream_journalled", Both());
  v1::CancelOperationRequest request;
  request.set_id(begun.id());
  v1::Operation cancelled;
  EXPECT_EQ(Call<v1::OperationService>(It().agent, &v1::OperationService::Stub::Cancel, request,
                                       cancelled)
                .reason,
            "OK");
  It().GoOn();
  It().Ask("hold", "backup.undoing");
  ASSERT_TRUE(It().StandsThere()) << It().agent.log();
  KillAndStart();
  const v1::Operation ended = It().agent.Finish(begun);
  EXPECT_EQ(ended.state(), v1::FAILED) << ended.DebugString();
  EXPECT_EQ(ended.error().reason(), "INTERRUPTED");
  EXPECT_FALSE(std::filesystem::exists(Folder(ended.backup_id())));
}

TEST_F(Resume, ABackupThatTheAgentAlwaysDiesOfIsGivenUp) {
  const v1::Operation begun = HaltedAt("backup.stream_journalled", Both());
  for (int life = 1; life < 4; ++life) {
    It().agent.Kill();
    It().Start();
    It().Ask("hold", "backup.chunk_stored");
    ASSERT_TRUE(It().StandsThere()) << It().agent.log();
  }
  KillAndStart();
  const v1::Operation ended = It().agent.Finish(begun);
  EXPECT_EQ(ended.error().reason(), "INTERRUPTED") << ended.DebugString();
  EXPECT_NE(ended.error().message().find("stopped 4 times"), std::string::npos)
      << ended.error().message();
  EXPECT_FALSE(std::filesystem::exists(Folder(ended.backup_id())));
}

TEST_F(Resume, ABackupThatSomebodyBeganToRemoveIsNotGoneOnWith) {
  const v1::Operation begun = HaltedAt("backup.stream_journalled", Both());
  const os::Path folder = Folder(It().NewestOf("backup.create").backup_id());
  It().agent.Kill();
  ASSERT_TRUE(os::WriteFileAtomic(folder / "deleting", "{}\n", 0600).ok());
  It().Start();
  const v1::Operation ended = It().agent.Finish(begun);
  EXPECT_EQ(ended.error().reason(), "BACKUP_LEASE_LOST") << ended.DebugString();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(Resume, ARestoreGoesOnFromTheDatabasesThatWereLoaded) {
  const v1::Operation made = It().agent.Finish(Begin(Both()));
  ASSERT_EQ(made.state(), v1::SUCCEEDED);
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "stopped");
    v1::RestoreBackupRequest request;
    request.set_backup_id(made.backup_id());
    request.set_parallel(1);
    for (const char* name : {"tiny", "keep"}) {
      v1::RestoreTarget& target = *request.add_databases();
      target.set_database(name);
      target.set_restore_as(std::string("again-") + name);
    }
    const v1::Operation begun = HaltedAt("restore.loaded", request);
    killed ? KillAndStart() : StopAndStart();
    const v1::Operation ended = It().agent.Finish(begun);
    EXPECT_EQ(ended.state(), v1::SUCCEEDED) << ended.DebugString() << It().agent.log();
    EXPECT_NE(NotesOf(ended).find("1 databases were restored before"), std::string::npos)
        << NotesOf(ended);
    for (const char* name : {"again-tiny", "again-keep"}) {
      EXPECT_TRUE(It().Exists(name)) << name;
      It().Drop(name);
    }
    It().ExpectNothingLeft();
  }
}

TEST_F(Resume, ARestoreOfTheServerGoesOnAndARestartOfTheAgentIsNoDowntime) {
  if (!It().HasCapability("physical_backup")) return;
  const v1::Operation made = It().Backup(true);
  It().Create("newer");
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "stopped");
    It().Create("newer");
    v1::RestoreBackupRequest request;
    request.set_backup_id(made.backup_id());
    request.set_replace_everything(true);
    const v1::Operation begun = HaltedAt("restore_server.archive_unpacked", request);
    // what is unpacked is not fetched again
    const os::Path chunks = Folder(made.backup_id()) / "chunks", away = It().agent.home() / "away";
    const std::string first = *Attempts(made.backup_id()).begin();
    if (killed) {
      It().agent.Kill();
      std::filesystem::rename(chunks / first, away);
      It().Start();
    } else {
      StopAndStart();
    }
    const v1::Operation ended = It().agent.Finish(begun);
    EXPECT_EQ(ended.state(), v1::SUCCEEDED) << ended.DebugString() << It().agent.log();
    if (killed) {
      std::filesystem::rename(away, chunks / first);
      EXPECT_NE(NotesOf(ended).find("goes on where the server's files were"), std::string::npos)
          << NotesOf(ended);
    }
    EXPECT_FALSE(It().Exists("newer"));
    EXPECT_EQ(It().Contents(), contents_);
    It().ExpectNothingLeft();
  }
}

}  // namespace
}  // namespace dbagent::tests
