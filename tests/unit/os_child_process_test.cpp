#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "agent/os/child_process.h"
#include "agent/stream/fd_stream.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::IsGoneSoon;
using tests::ReadUntil;

ChildSpec Shell(std::string script) {
  ChildSpec spec;
  spec.name = "script";
  spec.program = "/bin/sh";
  spec.arguments = {"-c", std::move(script)};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  return spec;
}

struct Outcome {
  ExitStatus exit;
  std::string stderr_tail;
};
Result<Outcome> RunToEnd(const ChildSpec& spec) {
  ASSIGN_OR_RETURN(const auto child, ChildProcess::Spawn(spec));
  ASSIGN_OR_RETURN(const ExitStatus exit, child->Wait(OpContext()));
  return Outcome{exit, child->stderr_tail()};
}

TEST(ChildProcess, TellsExitCodeAndSignal) {
  ASSERT_OK_AND_ASSIGN(const Outcome coded, RunToEnd(Shell("exit 3")));
  EXPECT_EQ(coded.exit.ToString(), "exit code 3");
  ASSERT_OK_AND_ASSIGN(const Outcome killed, RunToEnd(Shell("kill -KILL $$")));
  EXPECT_EQ(killed.exit.ToString(), "killed by signal 9 (Killed)");
  ASSERT_OK_AND_ASSIGN(const Outcome fine, RunToEnd(Shell("true")));
  EXPECT_TRUE(fine.exit.success());
}

TEST(ChildProcess, AnswersAnErrorWhenTheProgramCannotRun) {
  ChildSpec spec = Shell("");
  spec.program = "/no/such/program";
  const auto missing = ChildProcess::Spawn(spec);
  EXPECT_EQ(missing.status().FullMessage(),
            "unable to run script: '/no/such/program': No such file or directory");
  EXPECT_EQ(tests::ReasonOf(missing), "PROGRAM_NOT_FOUND");
  spec.program = "/etc/passwd";
  EXPECT_EQ(tests::ReasonOf(ChildProcess::Spawn(spec)), "EXEC_FAILED");
  spec.program = "sh";
  EXPECT_EQ(tests::ReasonOf(ChildProcess::Spawn(spec)), "EXEC_FAILED");
  spec = Shell("true");
  spec.working_directory = "/no/such/directory";
  EXPECT_EQ(ChildProcess::Spawn(spec).status().FullMessage(),
            "unable to run script: directory '/no/such/directory': No such file or directory");
  EXPECT_EQ(tests::Children(), 0U);
}

TEST(ChildProcess, KeepsTheEndOfStderr) {
  ASSERT_OK_AND_ASSIGN(const Outcome run,
                       RunToEnd(Shell("head -c 300000 /dev/zero | tr '\\0' x >&2; echo last >&2")));
  EXPECT_EQ(run.stderr_tail.size(), 4096U);
  EXPECT_TRUE(run.stderr_tail.ends_with("xlast\n"));
}

TEST(ChildProcess, RedactsStderr) {
  ASSERT_OK_AND_ASSIGN(const Outcome run,
                       RunToEnd(Shell("echo \"near: IDENTIFIED BY 'hunter2'\" >&2")));
  EXPECT_EQ(run.stderr_tail, "near: IDENTIFIED BY '[secret]'\n");
}

TEST(ChildProcess, ATidyErrorCarriesTheLastWords) {
  ASSERT_OK_AND_ASSIGN(const auto child,
                       ChildProcess::Spawn(Shell("echo one >&2; echo two >&2; exit 2")));
  const Status status = WaitForSuccess(OpContext(), *child, "script");
  EXPECT_EQ(status.reason(), "TOOL_FAILED");
  EXPECT_EQ(status.FullMessage(), "unable to run script: exit code 2: one two");
}

TEST(ChildProcess, GivesExactlyTheDescriptorsAndTheEnvironmentOfItsSpec) {
  ASSERT_OK_AND_ASSIGN(stream::Pipe out, stream::MakePipe());
  ASSERT_OK_AND_ASSIGN(stream::Pipe secret, stream::MakePipe());
  const UniqueFd stray(open("/dev/null", O_RDONLY));  // inheritable, and not wanted
  ASSERT_GE(write(secret.write_end.get(), "key", 3), 0);
  secret.write_end.Reset();
  ChildSpec spec = Shell("ls /proc/self/fd | tr '\\n' ' '; cat <&5; echo; env");
  spec.environment["GIVEN"] = "1";
  spec.stdout_fd = out.write_end.get();
  spec.more_fds = {{5, secret.read_end.get()}};
  ASSERT_OK_AND_ASSIGN(const auto child, ChildProcess::Spawn(spec));
  out.write_end.Reset();
  const std::string text = ReadUntil(out.read_end.get(), '\0');
  EXPECT_TRUE(text.starts_with("0 1 2 3 5 key\n")) << text;  // 3 is ls's own
  EXPECT_NE(text.find("GIVEN=1"), std::string::npos);
  EXPECT_EQ(text.find("HOME="), std::string::npos);
  ASSERT_OK(child->Wait(OpContext()));
}

TEST(ChildProcess, MapsDescriptorsThatAreInEachOthersPlace) {
  ASSERT_OK_AND_ASSIGN(stream::Pipe one, stream::MakePipe());
  ASSERT_OK_AND_ASSIGN(stream::Pipe two, stream::MakePipe());
  ChildSpec spec =
      Shell(fmt::format("echo one >&{}; echo two >&{}", two.write_end.get(), one.write_end.get()));
  spec.more_fds = {{two.write_end.get(), one.write_end.get()},
                   {one.write_end.get(), two.write_end.get()}};
  // dash knows one-digit redirections only, so the numbers must stay small
  if (one.write_end.get() > 9 || two.write_end.get() > 9) spec.program = "/bin/bash";
  ASSERT_OK(RunToEnd(spec));
  EXPECT_EQ(ReadUntil(one.read_end.get()), "one");
  EXPECT_EQ(ReadUntil(two.read_end.get()), "two");
}

TEST(ChildProcess, ResetsSignals) {  // SIGPIPE is ignored in the agent and in the tests
  ASSERT_OK_AND_ASSIGN(const Outcome run,
                       RunToEnd(Shell("grep -E '^Sig(Blk|Ign)' /proc/self/status >&2")));
  EXPECT_EQ(run.stderr_tail, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ChildProcess, DoesNotRunWhatCouldNotBeRecorded) {
  const tests::TempDir directory;
  ChildSpec spec = Shell("touch " + (directory / "ran").native());
  pid_t pid = 0;
  spec.before_exec = [&](pid_t it) {
    pid = it;
    return Error(Code::kResourceExhausted, "NO_SPACE", "no room");
  };
  EXPECT_EQ(tests::ReasonOf(ChildProcess::Spawn(spec)), "NO_SPACE");
  EXPECT_GT(pid, 0);
  EXPECT_TRUE(IsGoneSoon(pid));
  EXPECT_FALSE(std::filesystem::exists(directory / "ran"));
  EXPECT_EQ(tests::Children(), 0U);
}

// A script that starts a process in its group, says its pid, and waits for ever.
struct Family {
  std::unique_ptr<ChildProcess> leader;
  pid_t member = 0;
};
Result<Family> SpawnFamily(const std::string& before = "") {
  ASSIGN_OR_RETURN(stream::Pipe out, stream::MakePipe());
  ChildSpec spec = Shell(before + "sleep 1000 & echo $!; wait; sleep 1000");
  spec.stdout_fd = out.write_end.get();
  ASSIGN_OR_RETURN(auto child, ChildProcess::Spawn(spec));
  return Family{std::move(child), std::atoi(ReadUntil(out.read_end.get()).c_str())};
}

TEST(ChildProcess, CancellingEndsTheWholeGroup) {
  ASSERT_OK_AND_ASSIGN(const Family family, SpawnFamily());
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext ctx(stop, Deadline::Never(), "", nullptr);
  std::thread canceller([&] { stop->RequestStop(StopReason::kCancelled); });
  EXPECT_EQ(tests::ReasonOf(family.leader->Wait(ctx)), "CANCELLED");
  canceller.join();
  EXPECT_TRUE(IsGoneSoon(family.leader->pid()));
  EXPECT_TRUE(IsGoneSoon(family.member));
}

TEST(ChildProcess, ADeadlineEndsEvenWhatIgnoresTerm) {
  ASSERT_OK_AND_ASSIGN(const Family family, SpawnFamily("trap '' TERM; "));
  const OpContext ctx = OpContext().WithBudget(milliseconds(50));
  EXPECT_EQ(tests::ReasonOf(family.leader->Wait(ctx, milliseconds(50))), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(IsGoneSoon(family.leader->pid()));
  EXPECT_TRUE(IsGoneSoon(family.member));
}

TEST(ChildProcess, DestroyingOneEndsItsGroup) {
  pid_t leader = 0;
  pid_t member = 0;
  {
    ASSERT_OK_AND_ASSIGN(const Family family, SpawnFamily());
    leader = family.leader->pid();
    member = family.member;
  }
  EXPECT_TRUE(IsGoneSoon(leader));
  EXPECT_TRUE(IsGoneSoon(member));
}

TEST(ChildProcess, KillsWhatTheLeaderLeftBehind) {
  ASSERT_OK_AND_ASSIGN(stream::Pipe out, stream::MakePipe());
  ChildSpec spec = Shell("sleep 1000 & echo $!");
  spec.stdout_fd = out.write_end.get();
  ASSERT_OK_AND_ASSIGN(const auto child, ChildProcess::Spawn(spec));
  ASSERT_OK_AND_ASSIGN(const ExitStatus exit,
                       child->Wait(OpContext()));  // though sleep holds its stderr
  EXPECT_TRUE(exit.success());
  EXPECT_TRUE(IsGoneSoon(std::atoi(ReadUntil(out.read_end.get()).c_str())));
}

TEST(ChildProcess, LeavesNoZombieAndNoDescriptor) {
  ASSERT_OK(RunToEnd(Shell("true")));  // what is made once is made
  const std::size_t before = tests::OpenDescriptors();
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(RunToEnd(Shell("true")));
    ChildSpec bad = Shell("");
    bad.program = "/no/such/program";
    ASSERT_FALSE(ChildProcess::Spawn(bad).ok());
    ASSERT_OK_AND_ASSIGN(const Family abandoned, SpawnFamily());
  }
  EXPECT_EQ(tests::OpenDescriptors(), before);
  EXPECT_EQ(tests::Children(), 0U);
}

TEST(ChildProcess, ManyThreadsSpawnAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const Result<Outcome> run = RunToEnd(Shell(fmt::format("exit {}", t)));
        if (run.ok() && run->exit.code == t) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
}

// The death test runs its statement in a fresh copy of this program: an agent of its own.
TEST(ChildProcessDeathTest, AToolDiesWithTheAgentThoughTheThreadThatAskedForItMayEnd) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const char* given = std::getenv("DBAGENT_TEST_PIPE");
  stream::Pipe out;
  if (given == nullptr) {
    ASSERT_OK_AND_ASSIGN(out, stream::MakePipe());
    fcntl(out.write_end.get(), F_SETFD, 0);
    setenv("DBAGENT_TEST_PIPE", std::to_string(out.write_end.get()).c_str(), 1);
  }
  const auto die_with_a_tool = [&] {
    const ChildSpec spec = Shell("exec sleep 1000");
    const auto spawn_on_a_thread = [&] {
      std::unique_ptr<ChildProcess> child;
      std::thread([&] {
        if (auto spawned = ChildProcess::Spawn(spec); spawned.ok()) child = *std::move(spawned);
      }).join();
      return child;
    };
    const auto first = spawn_on_a_thread();  // still there when its budget ends
    if (!first || first->Wait(OpContext().WithBudget(milliseconds(200))).status().code() !=
                      Code::kDeadlineExceeded) {
      _exit(1);
    }
    const auto second = spawn_on_a_thread();
    const int pipe = std::atoi(std::getenv("DBAGENT_TEST_PIPE"));
    if (!second || dprintf(pipe, "%d\n", second->pid()) < 0) _exit(1);
    raise(SIGKILL);
  };
  EXPECT_EXIT(die_with_a_tool(), testing::KilledBySignal(SIGKILL), "");
  unsetenv("DBAGENT_TEST_PIPE");
  const pid_t tool = std::atoi(ReadUntil(out.read_end.get()).c_str());
  ASSERT_GT(tool, 0);
  EXPECT_TRUE(IsGoneSoon(tool));
}

TEST(Process, IsNamedByItsStartTime) {
  ASSERT_OK_AND_ASSIGN(const std::uint64_t own, ProcessStartTime(getpid()));
  EXPECT_GT(own, 0U);
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(0x3fffff)), "NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const std::string boot, BootId());
  EXPECT_EQ(boot.size(), 36U);
}

}  // namespace
}  // namespace dbagent::os
