#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "agent/os/direct_host.h"
#include "agent/os/process.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What supervision reported, and a bounded wait for it.
class Events {
 public:
  void Add(const ServerEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  // The text of the n-th event of that name, empty when it does not come.
  std::string WaitFor(const std::string& name, int nth = 1) {
    std::unique_lock lock(mutex_);
    std::string text;
    changed_.wait_for(lock, seconds(20), [&] {
      int seen = 0;
      for (const ServerEvent& event : events_) {
        if (event.name == name && ++seen == nth) text = event.text;
      }
      return seen >= nth;
    });
    return text;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ServerEvent> events_;
};

class ServerSupervision : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(Volume(directory_.path()).MakeLayout()); }
  void TearDown() override {
    if (host_) {
      EXPECT_OK(host_->StopServer(OpContext().WithBudget(seconds(5))));
    }
  }

  // A server as a script, which ends on `TERM` unless it says otherwise.
  void Use(const std::string& script) {
    table_.server.command = {"server", "/bin/sh", {"-c", script}, {}, {{"PATH", "/usr/bin:/bin"}}};
    table_.server.log_file = directory_ / "server.log";
  }
  void NewHost() {
    host_.reset();
    host_ = MakeDirectHost({.volume = Volume(directory_.path()),
                            .table = table_,
                            .on_event = [this](const ServerEvent& event) { events_.Add(event); }});
  }
  pid_t Pid() { return host_->ServerState().pid; }

  const tests::TempDir directory_;
  ToolTable table_;
  Events events_;
  std::unique_ptr<InstanceHost> host_;
};

constexpr const char* kServer = "echo started; exec sleep 1000";

TEST_F(ServerSupervision, StartsAndStops) {
  Use(kServer);
  NewHost();
  EXPECT_EQ(host_->ServerState().process, ServerProcess::kStopped);
  ASSERT_OK(host_->StopServer(OpContext()));
  ASSERT_OK(host_->StartServer());
  const ServerProcessState state = host_->ServerState();
  EXPECT_EQ(state.process, ServerProcess::kRunning);
  EXPECT_TRUE(state.should_run);
  ASSERT_OK(host_->StartServer());
  EXPECT_EQ(Pid(), state.pid);
  ASSERT_OK(host_->StopServer(OpContext()));
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(state.pid)), "NOT_FOUND");
  EXPECT_EQ(host_->ServerState().process, ServerProcess::kStopped);
  EXPECT_FALSE(host_->ServerState().should_run);
  EXPECT_EQ(tests::Children(), 0U);
}

TEST_F(ServerSupervision, AppendsTheServersOutputToItsLog) {
  Use("echo out; echo err >&2; exec sleep 1000");
  ASSERT_OK(WriteFileAtomic(directory_ / "server.log", "before\n", 0600));
  NewHost();
  ASSERT_OK(host_->StartServer());
  std::string text;
  for (const Deadline limit = Deadline::After(seconds(10));
       !text.ends_with("err\n") && !limit.expired();) {
    ASSERT_OK_AND_ASSIGN(text, ReadFile(directory_ / "server.log"));
  }
  EXPECT_EQ(text, "before\nout\nerr\n");
}

TEST_F(ServerSupervision, AServerThatCannotBeStartedIsAnError) {
  Use(kServer);
  table_.server.command.program = "/no/such/server";
  NewHost();
  EXPECT_EQ(tests::ReasonOf(host_->StartServer()), "PROGRAM_NOT_FOUND");
  EXPECT_EQ(host_->ServerState().process, ServerProcess::kCrashed);
}

TEST_F(ServerSupervision, KillsAServerThatDoesNotStopInTime) {
  Use("trap '' TERM; echo ready; while :; do sleep 1000; done");
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t pid = Pid();
  std::string log;
  for (const Deadline limit = Deadline::After(seconds(10)); log.empty() && !limit.expired();) {
    ASSERT_OK_AND_ASSIGN(log, ReadFile(directory_ / "server.log"));
  }
  ASSERT_OK(host_->StopServer(OpContext().WithBudget(milliseconds(100))));
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(pid)), "NOT_FOUND");
  EXPECT_EQ(tests::Children(), 0U);
}

TEST_F(ServerSupervision, KillsTheServersChildrenThatHaveSessionsOfTheirOwn) {
  Use("trap '' TERM; setsid sh -c 'echo $$; exec sleep 1000' & while :; do wait; done");
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t server = Pid();
  pid_t child = 0;
  for (const Deadline limit = Deadline::After(seconds(10)); child == 0 && !limit.expired();) {
    ASSERT_OK_AND_ASSIGN(const std::string log, ReadFile(directory_ / "server.log"));
    child = std::atoi(log.c_str());
  }
  ASSERT_OK(host_->StopServer(OpContext().WithBudget(milliseconds(100))));
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(server)), "NOT_FOUND");
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(child)), "NOT_FOUND");
}

TEST_F(ServerSupervision, RestartsAServerThatEndedOnItsOwn) {
  Use(kServer);
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t first = Pid();
  kill(first, SIGKILL);
  EXPECT_EQ(
      events_.WaitFor("server.exited"),
      fmt::format("the server (pid {}) ended on its own: killed by signal 9 (Killed)", first));
  EXPECT_NE(events_.WaitFor("server.restarted"), "");
  const ServerProcessState state = host_->ServerState();
  EXPECT_EQ(state.process, ServerProcess::kRunning);
  EXPECT_EQ(state.restarts, 1U);
  EXPECT_EQ(state.last_exit, "killed by signal 9 (Killed)");
  EXPECT_NE(state.pid, first);
}

TEST_F(ServerSupervision, GivesUpOnAServerThatKeepsEnding) {
  Use("exit 7");
  NewHost();
  ASSERT_OK(host_->StartServer());
  EXPECT_NE(events_.WaitFor("server.restart_given_up"), "");
  const ServerProcessState state = host_->ServerState();
  EXPECT_EQ(state.process, ServerProcess::kCrashed);
  EXPECT_TRUE(state.should_run);
  EXPECT_EQ(state.restarts, 5U);
  EXPECT_EQ(state.last_exit, "exit code 7");
  EXPECT_EQ(tests::Children(), 0U);
}

TEST_F(ServerSupervision, DoesNotRestartWhatIsStoppedDuringAPause) {
  Use("exit 7");
  NewHost();
  ASSERT_OK(host_->StartServer());
  EXPECT_NE(events_.WaitFor("server.exited", 2), "");
  ASSERT_OK(host_->StopServer(OpContext()));
  const std::uint32_t restarts = host_->ServerState().restarts;
  EXPECT_EQ(host_->ServerState().process, ServerProcess::kStopped);
  ASSERT_OK(host_->TakeOver());
  ASSERT_OK(host_->ResumeServer());
  EXPECT_EQ(host_->ServerState().restarts, restarts);
}

TEST_F(ServerSupervision, FindsTheServerAgainAfterARestart) {
  Use(kServer);
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t pid = Pid();
  NewHost();
  EXPECT_EQ(Pid(), 0);
  ASSERT_OK(host_->TakeOver());
  EXPECT_EQ(Pid(), pid);
  kill(pid, SIGKILL);
  EXPECT_NE(events_.WaitFor("server.restarted"), "");
}

TEST_F(ServerSupervision, StartsAServerThatShouldRunAfterItHasLookedForIt) {
  Use(kServer);
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t pid = Pid();
  host_.reset();
  kill(pid, SIGKILL);
  ASSERT_TRUE(tests::IsGoneSoon(pid));
  NewHost();
  ASSERT_OK(host_->TakeOver());
  EXPECT_EQ(host_->ServerState().process, ServerProcess::kCrashed);
  ASSERT_OK(host_->ResumeServer());
  EXPECT_NE(Pid(), 0);
  EXPECT_NE(Pid(), pid);
  ASSERT_OK(host_->StopServer(OpContext()));
  NewHost();
  ASSERT_OK(host_->TakeOver());
  ASSERT_OK(host_->ResumeServer());
  EXPECT_EQ(Pid(), 0);
}

TEST_F(ServerSupervision, AServerThatWasFoundIsNotStartedTwice) {
  Use(kServer);
  NewHost();
  ASSERT_OK(host_->StartServer());
  const pid_t pid = Pid();
  NewHost();
  ASSERT_OK(host_->TakeOver());
  ASSERT_OK(host_->ResumeServer());
  EXPECT_EQ(Pid(), pid);
}

TEST_F(ServerSupervision, AdoptsTheServerThatThePidFileNames) {
  Use("unused");
  table_.server.command = {"server", "/bin/sleep", {"1000"}, {}, {}};
  table_.server.pid_file = directory_ / "pid";
  ChildSpec spec;
  spec.name = "server";
  spec.program = "/bin/sleep";
  spec.arguments = {"1000"};
  spec.outlive_agent = true;
  ASSERT_OK_AND_ASSIGN(const auto server, ChildProcess::Spawn(spec));
  ASSERT_OK(WriteFileAtomic(directory_ / "pid", fmt::format("{}\nmore\n", server->pid()), 0600));
  NewHost();
  ASSERT_OK(host_->TakeOver());
  EXPECT_EQ(Pid(), server->pid());
  EXPECT_TRUE(host_->ServerState().should_run);
  ASSERT_OK(host_->StopServer(OpContext()));

  ASSERT_OK(
      WriteFileAtomic(directory_ / "pid", fmt::format("{}\n", getpid()), 0600));  // another program
  NewHost();
  ASSERT_OK(host_->TakeOver());
  EXPECT_EQ(Pid(), 0);
}

TEST_F(ServerSupervision, RefusesARecordThatIsNotItsOwn) {
  Use(kServer);
  ASSERT_OK(WriteFileAtomic(directory_ / "agent/server", "nonsense\n", 0600));
  NewHost();
  EXPECT_EQ(tests::ReasonOf(host_->TakeOver()), "CORRUPT_VOLUME");
}

// The death test runs its statement in a fresh copy of this program: an agent of its own, with the
// same volume.
TEST(ServerSupervisionDeathTest, TheServerOutlivesAnAgentThatIsKilled) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const tests::TempDir own;
  if (std::getenv("DBAGENT_TEST_VOLUME") == nullptr)
    setenv("DBAGENT_TEST_VOLUME", own.path().c_str(), 1);
  const Path volume = std::getenv("DBAGENT_TEST_VOLUME");
  ToolTable table;
  table.server.command = {"server", "/bin/sleep", {"1000"}, {}, {}};
  table.server.log_file = volume / "server.log";
  const auto die_with_a_server = [&] {
    const auto host = MakeDirectHost({.volume = Volume(volume), .table = table});
    if (!Volume(volume).MakeLayout().ok() || !host->StartServer().ok()) _exit(1);
    raise(SIGKILL);
  };
  EXPECT_EXIT(die_with_a_server(), testing::KilledBySignal(SIGKILL), "");
  unsetenv("DBAGENT_TEST_VOLUME");
  const auto host = MakeDirectHost({.volume = Volume(volume), .table = table});
  ASSERT_OK(host->TakeOver());
  const ServerProcessState state = host->ServerState();
  EXPECT_EQ(state.process, ServerProcess::kRunning);
  EXPECT_EQ(state.restarts, 0U);
  EXPECT_OK(ProcessStartTime(state.pid));
  ASSERT_OK(host->StopServer(OpContext().WithBudget(seconds(5))));
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(state.pid)), "NOT_FOUND");
}

}  // namespace
}  // namespace dbagent::os
