// The halt matrix: a backup or a restore comes to a kill point and halts there; then the server or
// the running tool is killed, or the operation cancelled, and it goes on. Whatever was hit, the
// operation ends, says clearly how, the server runs, nothing is left behind, and the next backup
// and restore work. What became of each is printed as a table at the end.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>

#include "tests/fault/halting_agent.h"

namespace dbagent::tests {
namespace {

enum class Harm : char { kServer, kTool, kCancel };
constexpr Harm kHarms[] = {Harm::kServer, Harm::kTool, Harm::kCancel};

struct Job {
  std::string kind;
  bool physical = false;
  std::function<void()> before = [] {};
  std::function<v1::Operation()> begin;
  std::function<void(const v1::Operation& ended)> truth;
  // What tests/run tries; --all tries every point.
  std::set<std::string> few;
};

class HaltMatrix : public testing::Test {
 protected:
  static HaltingAgent& It() {
    if (!it_) {
      it_ = std::make_unique<HaltingAgent>();
      it_->Start();
      it_->Prepare();
      contents_ = It().Contents();
    }
    return *it_;
  }

  static void Run(const Job& job) {
    job.before();
    const std::vector<std::string> points =
        It().PointsOf([&] { EXPECT_EQ(Finish(job.begin()).state(), v1::SUCCEEDED); });
    for (const std::string& point : job.few) {
      EXPECT_NE(std::find(points.begin(), points.end(), point), points.end())
          << job.kind << " does not pass " << point;
    }
    bool manifest_is_there = false;  // or, of a restore, its last step is done
    for (const std::string& point : points) {
      if (point == "backup.manifest_written" || point == "restore.all_loaded" ||
          point == "restore_server.settled") {
        manifest_is_there = true;
      }
      if (!Thorough() && !job.few.contains(point)) continue;
      for (const Harm harm : kHarms) Halt(job, point, harm, manifest_is_there);
    }
  }

  static v1::Operation Finish(const v1::Operation& operation) {
    return operation.id().empty() ? operation : It().agent.Finish(operation);
  }

  static void Halt(const Job& job, const std::string& point, Harm harm, bool done) {
    SCOPED_TRACE(fmt::format("{} at {}, harm {}", job.kind, point, static_cast<int>(harm)));
    HaltingAgent& it = It();
    job.before();
    const std::string earlier = it.NewestOf(job.kind).id();
    it.Ask(harm == Harm::kCancel ? "hold" : "stop", point);
    std::future<v1::Operation> begun = std::async(std::launch::async, job.begin);
    if (!it.StandsThere()) {
      it.GoOn();
      ADD_FAILURE() << "it does not come to " << point << ": " << begun.get().DebugString();
      return;
    }
    bool harmed = true;
    if (harm == Harm::kServer) {
      const pid_t server = it.ServerPid();
      harmed = server > 0 && kill(server, SIGKILL) == 0;
    } else if (harm == Harm::kTool) {
      const std::vector<pid_t> tools = it.Tools();
      harmed = !tools.empty();
      for (const pid_t tool : tools) kill(tool, SIGKILL);
    } else {
      v1::CancelOperationRequest request;
      request.set_id(it.NewestOf(job.kind).id());
      EXPECT_NE(request.id(), earlier);
      v1::Operation answer;
      Call<v1::OperationService>(it.agent, &v1::OperationService::Stub::Cancel, request, answer);
    }
    it.GoOn();
    v1::Operation operation = begun.get();
    // the call itself may fail when it cannot even look at the server
    if (operation.id().empty()) operation = it.NewestOf(job.kind);
    ASSERT_NE(operation.id(), earlier);
    operation = it.agent.Finish(operation);
    Judge(job, operation, harm, harmed, done);
    Tell(job.kind + (job.physical ? " (physical)" : ""), point, harm,
         harmed ? Outcome(operation) : "-");
  }

  static std::string Outcome(const v1::Operation& operation) {
    if (operation.state() == v1::SUCCEEDED) return "succeeded";
    if (operation.state() == v1::CANCELLED) return "cancelled";
    return operation.error().reason();
  }

  static void Judge(const Job& job, const v1::Operation& operation, Harm harm, bool harmed,
                    bool done) {
    HaltingAgent& it = It();
    if (!harmed || done) {
      EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
    } else if (harm == Harm::kCancel) {
      EXPECT_TRUE(operation.state() == v1::CANCELLED || operation.state() == v1::SUCCEEDED)
          << operation.DebugString();
    } else if (operation.state() != v1::SUCCEEDED) {
      EXPECT_EQ(operation.state(), v1::FAILED) << operation.DebugString();
      EXPECT_NE(operation.error().reason(), "UNEXPECTED_EXCEPTION");
      EXPECT_NE(operation.error().reason(), "");
      EXPECT_NE(operation.error().message(), "");
    }
    EXPECT_EQ(it.Contents(), contents_);  // waits for a server that recovers
    EXPECT_TRUE(it.agent.BecomesHealthy()) << it.agent.log();
    job.truth(operation);
    CheckTheNext();
    it.ExpectNothingLeft();
    ForgiveRestarts();
  }

  static void CheckTheNext() {
    HaltingAgent& it = It();
    const v1::Operation backup = it.Backup(false, "tiny");
    const v1::Operation restored = Finish(it.BeginRestore(backup.backup_id(), "k-after"));
    EXPECT_EQ(restored.state(), v1::SUCCEEDED) << restored.DebugString();
    it.Drop("k-after");
    EXPECT_EQ(Finish(it.BeginDelete(backup.backup_id())).state(), v1::SUCCEEDED);
  }

  // An asked-for start forgets how often supervision had to.
  static void ForgiveRestarts() {
    v1::Operation operation;
    Call<v1::InstanceService>(It().agent, &v1::InstanceService::Stub::Start,
                              v1::StartInstanceRequest(), operation);
    EXPECT_EQ(Finish(operation).state(), v1::SUCCEEDED);
  }

  static void Tell(const std::string& job, const std::string& point, Harm harm,
                   const std::string& outcome) {
    const std::pair<std::string, std::string> key{job, point};
    if (!table_.contains(key)) order_.push_back(key);
    table_[key][harm] = outcome;
  }

  static void TearDownTestSuite() {
    it_.reset();
    std::printf("| operation | halted at | server killed | tool killed | cancelled |\n");
    std::printf("|---|---|---|---|---|\n");
    for (const auto& key : order_) {
      std::printf("| %s | %s |", key.first.c_str(), key.second.c_str());
      for (const Harm harm : kHarms) std::printf(" %s |", table_[key][harm].c_str());
      std::printf("\n");
    }
    if (!Thorough()) std::printf("(a few points only; all of them: tests/run --all)\n");
  }

  static inline std::unique_ptr<HaltingAgent> it_;
  static inline ClientSession::Table contents_;
  static inline std::map<std::pair<std::string, std::string>, std::map<Harm, std::string>> table_;
  static inline std::vector<std::pair<std::string, std::string>> order_;
};

// Succeeded: one backup more, which can be verified; else as many as before.
Job BackupJob(HaltingAgent& it, bool physical) {
  Job job;
  job.kind = "backup.create";
  job.physical = physical;
  auto before = std::make_shared<std::size_t>(0);
  job.before = [&it, before] { *before = it.Manifests(); };
  job.begin = [&it, physical] { return it.BeginBackup(physical); };
  job.truth = [&it, before](const v1::Operation& ended) {
    const bool made = ended.state() == v1::SUCCEEDED;
    EXPECT_EQ(it.Manifests(), *before + (made ? 1 : 0));
    if (!made) return;
    const v1::Operation verified = it.Verify(ended.backup_id());
    EXPECT_EQ(verified.state(), v1::SUCCEEDED) << verified.DebugString();
    EXPECT_EQ(it.agent.Finish(it.BeginDelete(ended.backup_id())).state(), v1::SUCCEEDED);
  };
  return job;
}

TEST_F(HaltMatrix, LogicalBackup) {
  Job job = BackupJob(It(), false);
  job.few = {"backup.chunk_stored", "backup.manifest_written"};
  Run(job);
}

TEST_F(HaltMatrix, LogicalRestore) {
  HaltingAgent& it = It();
  const std::string backup = it.Backup(false).backup_id();
  Job job;
  job.kind = "backup.restore";
  job.before = [&it] { it.Drop("k-restored"); };
  job.begin = [&it, backup] { return it.BeginRestore(backup, "k-restored"); };
  job.truth = [&it](const v1::Operation& ended) {
    EXPECT_EQ(it.Exists("k-restored"), ended.state() == v1::SUCCEEDED);
  };
  job.few = {"restore.chunk_read 2"};
  Run(job);
  it.Drop("k-restored");
}

TEST_F(HaltMatrix, PhysicalBackup) {
  if (!It().HasCapability("physical_backup")) return;  // no such driver yet
  Job job = BackupJob(It(), true);
  job.few = {"backup.chunk_stored"};
  Run(job);
}

TEST_F(HaltMatrix, PhysicalRestore) {
  HaltingAgent& it = It();
  if (!it.HasCapability("physical_backup")) return;
  const std::string backup = it.Backup(true).backup_id();
  Job job;
  job.kind = "backup.restore_server";
  job.physical = true;
  job.before = [&it] { it.Create("newer"); };
  job.begin = [&it, backup] { return it.BeginRestoreServer(backup); };
  job.truth = [&it](const v1::Operation& ended) {
    EXPECT_EQ(it.Exists("newer"), ended.state() != v1::SUCCEEDED);
  };
  job.few = {"restore.chunk_read 2", "restore_server.started"};
  Run(job);
}

}  // namespace
}  // namespace dbagent::tests
