#include "agent/operations/operations.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::operations {
namespace {

using tests::ReasonOf;

class OperationsTest : public testing::Test {
 protected:
  std::unique_ptr<Operations> Open() {
    Result<std::unique_ptr<Operations>> opened =
        Operations::Open({dir_ / "journal", dir_ / "key", {}, std::chrono::milliseconds(20)});
    EXPECT_TRUE(tests::IsOk(opened));
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static Spec Create(std::string name, std::string request_id = "") {
    return {"database.create", {name}, "tester", std::move(request_id), "create " + name};
  }
  static State WaitForEnd(Operations& operations, const std::string& id) {
    for (int i = 0; i < 1000; ++i) {
      const Result<Record> record = operations.Get(id);
      if (record.ok() && HasEnded(record->state)) return record->state;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return State::kPending;
  }

  // An unfinished operation of an earlier life in the journal; its id.
  std::string Killed(const std::string& kind, const std::string& plan = "",
                     State state = State::kRunning) {
    Record killed;
    killed.id = NewId();
    killed.kind = kind;
    killed.targets = {"shop"};
    killed.state = state;
    killed.plan = plan;
    killed.created = std::chrono::system_clock::now();
    const Result<std::unique_ptr<Journal>> journal = Journal::Open(dir_ / "journal");
    EXPECT_TRUE(tests::IsOk(journal));
    if (!journal.ok()) return "";
    EXPECT_OK((*journal)->Put(killed));
    return killed.id;
  }

  static Record Now(Operations& operations, const std::string& id) {
    Result<Record> record = operations.Get(id);
    EXPECT_TRUE(tests::IsOk(record));
    return record.ok() ? *std::move(record) : Record();
  }

  tests::TempDir dir_;
};

TEST_F(OperationsTest, AnswersARepeatedRequestFromTheJournalWithoutDoingItTwice) {
  const auto operations = Open();
  int done = 0;
  const auto body = [&](Running& running) -> Status {
    ++done;
    running.SetResult("made");
    return Ok();
  };
  ASSERT_OK_AND_ASSIGN(const Record first,
                       operations->RunQuick(Create("shop", "id-1"), Deadline::Never(), body));
  ASSERT_OK_AND_ASSIGN(const Record second,
                       operations->RunQuick(Create("shop", "id-1"), Deadline::Never(), body));
  EXPECT_EQ(done, 1);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.result, "made");
}

TEST_F(OperationsTest, RefusesARequestIdForAnotherRequest) {
  const auto operations = Open();
  const auto body = [](Running&) { return Ok(); };
  ASSERT_OK(operations->RunQuick(Create("shop", "id-1"), Deadline::Never(), body));
  EXPECT_EQ(ReasonOf(operations->RunQuick(Create("stock", "id-1"), Deadline::Never(), body)),
            "REQUEST_ID_REUSED");
}

TEST_F(OperationsTest, LetsAFailedRequestBeTriedAgainWithItsId) {
  const auto operations = Open();
  EXPECT_EQ(ReasonOf(operations->RunQuick(
                Create("shop", "id-1"), Deadline::Never(),
                [](Running&) { return Error(Code::kUnavailable, "SERVER_UNAVAILABLE", "down"); })),
            "SERVER_UNAVAILABLE");
  EXPECT_OK(operations->RunQuick(Create("shop", "id-1"), Deadline::Never(),
                                 [](Running&) { return Ok(); }));
}

// Otherwise the next start would recover, and so do once more, what was over long ago: drop a
// database that has been made anew since.
TEST_F(OperationsTest, NothingBeginsBeforeAnEndThatCouldNotBeJournalledIs) {
  const auto sql = [&](const char* statement) {
    Result<Database> other = Database::Open(dir_ / "journal");
    ASSERT_OK(other);
    ASSERT_OK(other->Execute(statement));
  };
  auto operations = Open();
  const auto done = [](Running&) { return Ok(); };
  sql("CREATE TRIGGER no_update BEFORE UPDATE ON operations BEGIN SELECT RAISE(FAIL, 'full'); END");
  ASSERT_OK_AND_ASSIGN(const Record first,
                       operations->RunQuick(Create("shop", "id-1"), Deadline::Never(), done));
  EXPECT_EQ(first.state, State::kSucceeded);
  EXPECT_EQ(first.notes.size(), 1U);
  EXPECT_EQ(ReasonOf(operations->RunQuick(Create("stock"), Deadline::Never(), done)),
            "JOURNAL_ERROR");
  ASSERT_OK_AND_ASSIGN(const Record asked, operations->Get(first.id));
  EXPECT_EQ(asked.state, State::kSucceeded);
  ASSERT_OK_AND_ASSIGN(const Record repeated,
                       operations->RunQuick(Create("shop", "id-1"), Deadline::Never(), done));
  EXPECT_EQ(repeated.id, first.id);

  sql("DROP TRIGGER no_update");
  ASSERT_OK(operations->RunQuick(Create("stock"), Deadline::Never(), done));
  operations.reset();
  operations = Open();
  operations->OnRecover("database.create", [](Running&) -> Status {
    ADD_FAILURE() << "recovered what had ended";
    return Ok();
  });
  ASSERT_OK(operations->StartRecovery());
  EXPECT_EQ(WaitForEnd(*operations, first.id), State::kSucceeded);
}

TEST_F(OperationsTest, AnOperationThatChangesItsLocksLetsTheOthersGo) {
  const auto operations = Open();
  const auto done = [](Running&) { return Ok(); };
  const auto begin = [&](const std::string& kind, const std::string& target) {
    return ReasonOf(
        operations->RunQuick({kind, {target}, "test", "", ""}, Deadline::Never(), done));
  };
  ASSERT_OK(operations->RunQuick(
      {"backup.create_verified", {"*"}, "test", "", ""}, Deadline::Never(),
      [&](Running& running) -> Status {
        EXPECT_EQ(begin("database.create", "shop"), "LOCK_HELD");
        EXPECT_EQ(begin("backup.create", "shop"), "LOCK_HELD");
        EXPECT_EQ(begin("backup.verify_restore", "b"), "LOCK_HELD");
        RETURN_IF_ERROR(running.ChangeLocks("backup.verify_restore", {"a"}));
        EXPECT_EQ(begin("database.create", "shop"), "OK");
        EXPECT_EQ(begin("backup.create", "shop"), "OK");
        EXPECT_EQ(begin("backup.verify_restore", "b"), "LOCK_HELD");  // one at a time
        EXPECT_EQ(begin("backup.verify", "a"), "OK");
        EXPECT_EQ(begin("backup.delete", "a"), "LOCK_HELD");
        return Ok();
      }));
  EXPECT_EQ(begin("backup.delete", "a"), "OK");
}

TEST_F(OperationsTest, KeepsNoResultThatHeldASecret) {
  const auto operations = Open();
  const Spec spec{"user.enable_root", {"root"}, "tester", "id-1", "enable"};
  const auto body = [](Running& running) -> Status {
    running.SetResult("hunter2", true);
    return Ok();
  };
  ASSERT_OK(operations->RunQuick(spec, Deadline::Never(), body));
  EXPECT_EQ(ReasonOf(operations->RunQuick(spec, Deadline::Never(), body)), "ALREADY_APPLIED");
}

TEST_F(OperationsTest, AnswersAConflictAtOnceWithTheHolder) {
  const auto operations = Open();
  std::promise<void> release;
  ASSERT_OK_AND_ASSIGN(
      const Record holder,
      operations->Submit({"instance.restart", {}, "tester", "", ""}, [&](Running&) {
        release.get_future().wait();
        return Ok();
      }));
  const Result<Record> refused =
      operations->RunQuick(Create("shop"), Deadline::Never(), [](Running&) { return Ok(); });
  EXPECT_EQ(ReasonOf(refused), "LOCK_HELD");
  EXPECT_EQ(refused.status().metadata().at("operation"), holder.id);
  release.set_value();
  EXPECT_EQ(WaitForEnd(*operations, holder.id), State::kSucceeded);
  EXPECT_OK(operations->RunQuick(Create("shop"), Deadline::Never(), [](Running&) { return Ok(); }));
}

TEST_F(OperationsTest, ABackupOfEverythingExcludesDroppingADatabase) {
  const auto operations = Open();
  std::promise<void> release;
  ASSERT_OK_AND_ASSIGN(
      const Record backup,
      operations->Submit({"backup.create", {"*"}, "tester", "", ""}, [&](Running&) {
        release.get_future().wait();
        return Ok();
      }));
  EXPECT_EQ(ReasonOf(operations->RunQuick({"database.delete", {"shop"}, "tester", "", ""},
                                          Deadline::Never(), [](Running&) { return Ok(); })),
            "LOCK_HELD");
  EXPECT_OK(operations->RunQuick({"user.delete", {"bob"}, "tester", "", ""}, Deadline::Never(),
                                 [](Running&) { return Ok(); }));
  release.set_value();
  EXPECT_EQ(WaitForEnd(*operations, backup.id), State::kSucceeded);
}

TEST_F(OperationsTest, ACancelledOperationEndsAsCancelled) {
  const auto operations = Open();
  ASSERT_OK_AND_ASSIGN(
      const Record begun,
      operations->Submit({"backup.create", {"*"}, "tester", "", ""},
                         [](Running& running) -> Status {
                           for (;;) {
                             RETURN_IF_ERROR(running.ctx().Poll());
                             std::this_thread::sleep_for(std::chrono::milliseconds(1));
                           }
                         }));
  ASSERT_OK(operations->Cancel(begun.id));
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kCancelled);
  ASSERT_OK_AND_ASSIGN(const Record again, operations->Cancel(begun.id));
  EXPECT_EQ(again.state, State::kCancelled);
}

TEST_F(OperationsTest, RefusesToCancelWhatCannotBeCutShort) {
  const auto operations = Open();
  std::promise<void> release;
  ASSERT_OK_AND_ASSIGN(const Record begun,
                       operations->Submit({"instance.stop", {}, "tester", "", ""}, [&](Running&) {
                         release.get_future().wait();
                         return Ok();
                       }));
  EXPECT_EQ(ReasonOf(operations->Cancel(begun.id)), "NOT_CANCELLABLE");
  release.set_value();
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kSucceeded);
}

TEST_F(OperationsTest, RecoversWithThePlanOfTheLifeThatWasKilled) {
  Killed("database.create", "the plan");
  const auto operations = Open();
  std::promise<std::string> plan;
  operations->OnRecover("database.create", [&](Running& running) -> Status {
    plan.set_value(running.plan());
    return Ok();
  });
  ASSERT_OK(operations->StartRecovery());
  EXPECT_EQ(plan.get_future().get(), "the plan");
  ASSERT_OK_AND_ASSIGN(const std::vector<Record> all, operations->List({}));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(WaitForEnd(*operations, all[0].id), State::kSucceeded);
  ASSERT_OK_AND_ASSIGN(const Record record, operations->Get(all[0].id));
  EXPECT_EQ(record.notes, std::vector<std::string>{"finished after the agent was restarted"});
}

TEST_F(OperationsTest, KeepsLockAndTriesAgainWhileRecoveryCannotReachTheServer) {
  Killed("database.delete");
  const auto operations = Open();
  std::atomic<int> tries = 0;
  std::atomic<bool> reachable = false;
  operations->OnRecover("database.delete", [&](Running&) -> Status {
    ++tries;
    if (reachable) return Ok();
    return Error(Code::kUnavailable, "SERVER_UNAVAILABLE", "down").AsRetryable();
  });
  ASSERT_OK(operations->StartRecovery());
  while (tries < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_OK(
      operations->RunQuick(Create("other"), Deadline::Never(), [](Running&) { return Ok(); }));
  EXPECT_EQ(ReasonOf(operations->RunQuick(Create("shop"), Deadline::Never(),
                                          [](Running&) { return Ok(); })),
            "LOCK_HELD");
  EXPECT_EQ(ReasonOf(operations->RunQuick({"instance.start", {}, "tester", "", ""},
                                          Deadline::Never(), [](Running&) { return Ok(); })),
            "LOCK_HELD");
  reachable = true;
  ASSERT_OK_AND_ASSIGN(const std::vector<Record> all,
                       operations->List({.kind = "database.delete"}));
  EXPECT_EQ(WaitForEnd(*operations, all.at(0).id), State::kSucceeded);
}

TEST_F(OperationsTest, ARecoveryThatGoesOnRunsAgainAndCanBeCancelled) {
  const std::string id = Killed("backup.create", "half");
  const auto operations = Open();
  std::promise<void> other_recovered;
  operations->OnRecover("backup.create", [](Running& running) -> Status {
    running.GoOnWith([](Running& again) -> Status {
      while (again.ctx().Poll().ok()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return again.ctx().Poll();
    });
    return Ok();
  });
  operations->OnRecover("database.delete", [&](Running&) -> Status {
    other_recovered.set_value();
    return Ok();
  });
  Killed("database.delete");
  ASSERT_OK(operations->StartRecovery());
  other_recovered.get_future().get();  // not kept waiting by what goes on
  EXPECT_EQ(Now(*operations, id).state, State::kRunning);
  ASSERT_OK(operations->Cancel(id));
  EXPECT_EQ(WaitForEnd(*operations, id), State::kCancelled);
  EXPECT_EQ(Now(*operations, id).notes,
            std::vector<std::string>{"goes on after the agent was restarted"});
}

TEST_F(OperationsTest, WhatAStoppingAgentLeavesForRecoveryIsRecovered) {
  std::string id;
  {
    const auto operations = Open();
    std::promise<void> begun;
    ASSERT_OK_AND_ASSIGN(
        const Record record,
        operations->Submit({"backup.create", {"shop"}, "tester", "", ""},
                           [&](Running& running) -> Status {
                             RETURN_IF_ERROR(running.SavePlan("half"));
                             begun.set_value();
                             while (running.ctx().Poll().ok())
                               std::this_thread::sleep_for(std::chrono::milliseconds(1));
                             running.LeaveForRecovery();
                             return running.ctx().Poll();
                           }));
    id = record.id;
    begun.get_future().get();
    EXPECT_TRUE(operations->Shutdown(std::chrono::seconds(10)));
  }
  const auto operations = Open();
  operations->OnRecover("backup.create", [](Running& running) -> Status {
    running.AddNote(running.plan());
    return Ok();
  });
  ASSERT_OK(operations->StartRecovery());
  EXPECT_EQ(WaitForEnd(*operations, id), State::kSucceeded);
  EXPECT_EQ(Now(*operations, id).notes.at(0), "half");
}

TEST_F(OperationsTest, AnOrphanKeepsItsPlanHoldsNoLocksAndIsRecoveredWhenAsked) {
  const auto operations = Open();
  bool credentials = false;
  const auto body = [&](Running& running) -> Status {
    RETURN_IF_ERROR(running.SavePlan("where it lies"));
    running.LeaveOrphaned();
    return Error(Code::kAborted, "TOO_BAD", "it did not work");
  };
  operations->OnRecover("backup.create", [&](Running& running) -> Status {
    EXPECT_EQ(running.plan(), "where it lies");
    if (credentials) return Error(Code::kAborted, "INTERRUPTED", "removed");
    running.LeaveOrphaned();
    return Error(Code::kFailedPrecondition, "CREDENTIALS_MISSING", "no credentials");
  });
  const Spec spec{"backup.create", {"shop"}, "tester", "", ""};
  ASSERT_OK_AND_ASSIGN(const Record begun, operations->Submit(spec, body));
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kOrphaned);
  EXPECT_EQ(Now(*operations, begun.id).error.reason, "TOO_BAD");
  EXPECT_OK(operations->RunQuick(spec, Deadline::Never(), [](Running&) { return Ok(); }));

  ASSERT_OK(operations->RecoverOrphan(begun.id));
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kOrphaned);
  EXPECT_EQ(Now(*operations, begun.id).error.reason, "CREDENTIALS_MISSING");
  credentials = true;
  ASSERT_OK(operations->RecoverOrphan(begun.id));
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kFailed);
  EXPECT_EQ(Now(*operations, begun.id).error.reason, "INTERRUPTED");
  EXPECT_EQ(Now(*operations, begun.id).notes.at(0), "it had ended with: it did not work");
  EXPECT_EQ(ReasonOf(operations->RecoverOrphan(begun.id)), "NOT_ORPHANED");
}

TEST_F(OperationsTest, AnOrphanOutlivesTheAgentAndIsNotTakenForUnfinished) {
  const std::string id = Killed("backup.create", "where it lies", State::kOrphaned);
  const auto operations = Open();
  ASSERT_OK(operations->StartRecovery());
  EXPECT_TRUE(operations->RecoveryDone());
  EXPECT_EQ(Now(*operations, id).state, State::kOrphaned);
  EXPECT_EQ(Now(*operations, id).plan, "where it lies");
}

TEST_F(OperationsTest, ListsNewestFirstFromABound) {
  const auto operations = Open();
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_OK(operations->RunQuick(Create(name), Deadline::Never(), [](Running&) { return Ok(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // ids sort by millisecond
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<Record> newest, operations->List({.limit = 2}));
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].targets[0], "c");
  ASSERT_OK_AND_ASSIGN(const std::vector<Record> rest, operations->List({.before = newest[1].id}));
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].targets[0], "a");
}

TEST_F(OperationsTest, ListsWhatLivesByTheStateThatItIsInWhateverTheJournalHas) {
  const auto operations = Open();
  std::promise<void> release;
  ASSERT_OK_AND_ASSIGN(const Record begun,
                       operations->Submit({"backup.create", {"shop"}, "tester", "", ""},
                                          [&](Running& running) -> Status {
                                            release.get_future().get();
                                            return running.ctx().Poll();
                                          }));
  ASSERT_OK(operations->Cancel(begun.id));
  const auto count = [&](State state) {
    const Result<std::vector<Record>> found = operations->List({.states = {state}});
    EXPECT_TRUE(tests::IsOk(found));
    return found.ok() ? found->size() : 0;
  };
  EXPECT_EQ(count(State::kRunning), 0U);
  EXPECT_EQ(count(State::kCancelling), 1U);
  release.set_value();
  EXPECT_EQ(WaitForEnd(*operations, begun.id), State::kCancelled);
  EXPECT_EQ(count(State::kCancelled), 1U);
}

TEST_F(OperationsTest, TurnsAnExceptionIntoAFailedOperation) {
  const auto operations = Open();
  EXPECT_EQ(
      ReasonOf(operations->RunQuick(Create("shop"), Deadline::Never(),
                                    [](Running&) -> Status { throw std::runtime_error("boom"); })),
      "UNEXPECTED_EXCEPTION");
}

TEST_F(OperationsTest, RefusesAJournalOfANewerAgent) {
  {
    ASSERT_OK_AND_ASSIGN(Database database, Database::Open(dir_ / "journal"));
    ASSERT_OK(database.Execute("PRAGMA user_version = 99"));
  }
  EXPECT_EQ(ReasonOf(Operations::Open({dir_ / "journal", dir_ / "key", {}, {}})),
            "JOURNAL_TOO_NEW");
}

TEST_F(OperationsTest, SaysThatAJournalIsNoJournal) {
  {
    FILE* file = fopen((dir_ / "journal").c_str(), "w");
    fputs("this is not a database, and long enough to be looked at as one by its header", file);
    fclose(file);
  }
  EXPECT_EQ(ReasonOf(Operations::Open({dir_ / "journal", dir_ / "key", {}, {}})),
            "JOURNAL_CORRUPT");
}

}  // namespace
}  // namespace dbagent::operations
