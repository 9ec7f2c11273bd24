// dbagent-helper as its agent uses it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "agent/os/server_record.h"
#include "agent/stream/fd_stream.h"
#include "tests/helper/helper_process.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

using os::ParameterKind;
using std::chrono::seconds;

OpContext Soon(seconds span = seconds(20)) {
  return OpContext().WithBudget(span);
}

std::string OwnerOf(const os::Path& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return "missing";
  const uid_t agent = UserNamed(kAgentUser).uid, server = UserNamed(kServerUser).uid;
  const std::string name = info.st_uid == 0        ? "root"
                           : info.st_uid == agent  ? "agent"
                           : info.st_uid == server ? "server"
                                                   : std::to_string(info.st_uid);
  return fmt::format("{} {:o}", name, info.st_mode & 07777U);
}

class Helper : public testing::Test {
 protected:
  void Start() {
    helper_.Start();
    host_ = helper_.Host();
    const AsUser agent(kAgentUser);
    ASSERT_OK(host_->PrepareVolume());
  }
  void Add(os::ToolDefinition tool) { helper_.table.main.table.tools.push_back(std::move(tool)); }

  HelperProcess helper_;
  std::unique_ptr<os::InstanceHost> host_;
};

TEST_F(Helper, GivesEveryDirectoryItsOwner) {
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const os::Generation made, host_->MakeGeneration());
  ASSERT_OK(host_->SwitchGeneration(made.number));
  const AsUser root("root");
  const os::Volume volume = helper_.volume();
  EXPECT_EQ(OwnerOf(volume.root()), "root 755");
  EXPECT_EQ(OwnerOf(volume.agent()), "agent 700");
  EXPECT_EQ(OwnerOf(volume.config()), "agent 755");
  EXPECT_EQ(OwnerOf(volume.helper()), "root 700");
  EXPECT_EQ(OwnerOf(volume.generations()), "root 755");
  EXPECT_EQ(OwnerOf(volume.current()), "root 777");
  EXPECT_EQ(OwnerOf(made.root), "root 755");
  for (const os::Path& path : {made.data, made.tablespaces, made.tmp})
    EXPECT_EQ(OwnerOf(path), "server 700") << path;
  EXPECT_EQ(OwnerOf(made.log), "server 2750");
  EXPECT_EQ(OwnerOf(helper_.table.main.runtime_directory), "server 2710");
}

TEST_F(Helper, RunsToolsAsTheServersUserWithoutAnyOtherRight) {
  Add(Script("who",
             "id -u; id -G; grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs)' /proc/self/status; umask; "
             "ls /proc/self/fd | wc -l; env | sort"));
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const std::string said, OutputOf(*host_, {"who", {}}));
  const os::OsUser server = UserNamed(kServerUser);
  EXPECT_TRUE(said.starts_with(fmt::format("{}\n{}\n", server.uid, server.gid))) << said;
  EXPECT_NE(said.find("CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"), std::string::npos)
      << said;
  EXPECT_NE(said.find("NoNewPrivs:\t1\n"), std::string::npos) << said;
  // stdin, stdout, stderr and the directory that ls reads
  EXPECT_TRUE(said.ends_with("0027\n4\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n")) << said;
}

TEST_F(Helper, TellsHowAToolEndedAndWhatItSaid) {
  Add(Script("fails", "echo no luck >&2; exit 3"));
  Add(Script("dies", "kill -SEGV $$"));
  Start();
  const AsUser agent(kAgentUser);
  EXPECT_EQ(OutputOf(*host_, {"fails", {}}).status().message(),
            "unable to run fails: exit code 3: no luck");
  EXPECT_EQ(OutputOf(*host_, {"dies", {}}).status().message(),
            "unable to run dies: killed by signal 11 (Segmentation fault)");
  EXPECT_EQ(ReasonOf(OutputOf(*host_, {"none", {}})), "UNKNOWN_TOOL");
}

TEST_F(Helper, EndsAToolWhoseCallerStopsWaiting) {
  Add(Script("waits", "trap '' TERM; echo begun; sleep 1000"));
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(stream::Pipe out, stream::MakePipe());
  os::ToolCall call{"waits", {}};
  call.stdout_fd = out.write_end.get();
  ASSERT_OK_AND_ASSIGN(const auto child, host_->RunTool(call));
  EXPECT_EQ(ReadUntil(out.read_end.get()), "begun");
  EXPECT_EQ(ReasonOf(child->Wait(Soon(seconds(0)), std::chrono::milliseconds(300))),
            "DEADLINE_EXCEEDED");
  EXPECT_TRUE(IsGoneSoon(child->pid()));
}

TEST_F(Helper, EndsTheToolsOfAnAgentThatDied) {
  Add(Script("waits", "trap '' TERM; sleep 1000"));
  Start();
  pid_t tool = 0;
  ASSERT_OK_AND_ASSIGN(stream::Pipe told, stream::MakePipe());
  const pid_t other = fork();
  if (other == 0) {
    const AsUser agent(kAgentUser);
    const auto child = helper_.Host()->RunTool({"waits", {}});
    tool = child.ok() ? (*child)->pid() : 0;
    [[maybe_unused]] const ssize_t put = write(told.write_end.get(), &tool, sizeof tool);
    raise(SIGKILL);
  }
  told.write_end.Reset();
  ASSERT_EQ(read(told.read_end.get(), &tool, sizeof tool), static_cast<ssize_t>(sizeof tool));
  EXPECT_TRUE(IsGoneSoon(tool));
}

TEST_F(Helper, TakeOverEndsWhatOtherConnectionsRun) {
  Add(Script("waits", "trap '' TERM; sleep 1000"));
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const auto child, host_->RunTool({"waits", {}}));
  ASSERT_OK(helper_.Host()->TakeOver());
  EXPECT_TRUE(IsGoneSoon(child->pid()));
  EXPECT_NE(ReasonOf(child->Wait(Soon())), "OK");
}

TEST_F(Helper, ToolsEndWithAHelperThatIsKilledAndTheNextOneServes) {
  Add(Script("waits", "sleep 1000"));
  Add(Script("hello", "echo hello"));
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const auto child, host_->RunTool({"waits", {}}));
  const pid_t tool = child->pid();
  helper_.Kill();
  EXPECT_EQ(ReasonOf(child->Wait(Soon())), "HELPER_GONE");
  EXPECT_TRUE(IsGoneSoon(tool));
  {
    const AsUser root("root");
    helper_.Start();
  }
  EXPECT_EQ(SaidBy(*host_, "hello"), "hello\n");
}

TEST_F(Helper, AVerbIsAskedForAgainWhenTheHelperDiesUnderIt) {
  Start();
  helper_.Kill();
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    helper_.Start();
  });
  {
    const AsUser agent(kAgentUser);
    EXPECT_OK(host_->PrepareVolume());
  }
  later.join();
}

TEST_F(Helper, RunsTheServerItselfAndFindsItAgain) {
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const os::Generation made, host_->MakeGeneration());
  ASSERT_OK(host_->SwitchGeneration(made.number));
  ASSERT_OK(host_->StartServer());
  const os::ServerProcessState before = host_->ServerState();
  EXPECT_EQ(before.process, os::ServerProcess::kRunning);
  EXPECT_TRUE(before.should_run);
  EXPECT_EQ(OwnerOf(fmt::format("/proc/{}", before.pid)), "server 555");
  // the agent can read what the server writes, and not write to it
  EXPECT_EQ(access((made.log / "server.log").c_str(), F_OK), 0);
  helper_.Kill();
  {
    const AsUser root("root");
    helper_.Start();
  }
  EXPECT_EQ(host_->ServerState().pid, before.pid);
  ASSERT_OK(host_->StopServer(Soon()));
  EXPECT_TRUE(IsGoneSoon(before.pid));
  EXPECT_FALSE(host_->ServerState().should_run);
}

TEST_F(Helper, StartsAServerAgainThatEndedWithItButAfterABootTheAgentIsFirst) {
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const os::Generation made, host_->MakeGeneration());
  ASSERT_OK(host_->SwitchGeneration(made.number));
  ASSERT_OK(host_->StartServer());
  const auto restart_both = [&](const auto& meanwhile) {
    const pid_t before = host_->ServerState().pid;
    helper_.Kill();
    const AsUser root("root");
    kill(before, SIGKILL);
    EXPECT_TRUE(IsGoneSoon(before));
    meanwhile();
    helper_.Start();
  };
  restart_both([] {});
  EXPECT_EQ(host_->ServerState().process, os::ServerProcess::kRunning);
  restart_both([&] {
    const os::Path path = os::Volume(helper_.table.main.volume).helper() / os::kServerRecord;
    ASSERT_OK_AND_ASSIGN(std::optional<os::ServerRecord> record, os::ReadServerRecord(path));
    record->boot_id = "another";
    ASSERT_OK(os::WriteServerRecord(path, *record));
  });
  EXPECT_NE(host_->ServerState().process, os::ServerProcess::kRunning);
  ASSERT_OK(host_->TakeOver());
  EXPECT_NE(host_->ServerState().process, os::ServerProcess::kRunning);
  ASSERT_OK(host_->ResumeServer());
  EXPECT_EQ(host_->ServerState().process, os::ServerProcess::kRunning);
  ASSERT_OK(host_->StopServer(Soon()));
}

TEST_F(Helper, KillsAServerThatDoesNotStopInTime) {
  helper_.table.main.table.server.command =
      Script("server", "trap '' TERM; while :; do sleep 0.05; done");
  Start();
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const os::Generation made, host_->MakeGeneration());
  ASSERT_OK(host_->SwitchGeneration(made.number));
  ASSERT_OK(host_->StartServer());
  const pid_t server = host_->ServerState().pid;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until the trap is set
  ASSERT_OK(host_->StopServer(Soon(seconds(0))));
  EXPECT_TRUE(IsGoneSoon(server));
}

TEST_F(Helper, MakesAndDiscardsTheScratchInstance) {
  helper_.table.scratch.table.tools.push_back(
      Script("fill", "echo x >\"$1/data/f\"; mkdir \"$1/log/d\"; ln -s /etc \"$1/tmp/etc\"",
             {{"generation", ParameterKind::kGeneration}}));
  for (const char* argument : {"sh", "{generation}"})
    helper_.table.scratch.table.tools[0].arguments.emplace_back(argument);
  Start();
  const AsUser agent(kAgentUser);
  const auto scratch = helper_.Host(true);
  ASSERT_OK(scratch->PrepareVolume());
  ASSERT_OK_AND_ASSIGN(const os::Generation made, scratch->MakeGeneration());
  ASSERT_OK(OutputOf(*scratch, {"fill", {{"generation", "1"}}}));
  ASSERT_OK(os::WriteFileAtomic(helper_.table.scratch.volume / "config/f", "x", 0644));
  ASSERT_OK(scratch->SwitchGeneration(made.number));
  ASSERT_OK(scratch->StartServer());
  const pid_t server = scratch->ServerState().pid;
  ASSERT_OK(scratch->StopServer(Soon()));
  ASSERT_OK(scratch->Discard(Deadline::After(seconds(20))));
  EXPECT_TRUE(IsGoneSoon(server));
  EXPECT_EQ(OwnerOf(helper_.table.scratch.volume), "missing");
  EXPECT_EQ(OwnerOf(helper_.table.scratch.runtime_directory), "missing");
  ASSERT_OK(scratch->Discard(Deadline::After(seconds(20))));
  EXPECT_EQ(OwnerOf("/etc"), "root 755");
}

TEST_F(Helper, TakesAVolumeWhoseUsersHadOtherNumbersOrWereOne) {
  // as direct mode's user 12345 left it
  const os::Volume volume(helper_.table.main.volume);
  ASSERT_OK(volume.MakeLayout());
  for (const char* directory : {"generations/1/data/shop", "generations/1/log", "agent/children"})
    ASSERT_OK(os::MakeDirectories(volume.root() / directory, 0700));
  for (const char* file : {"generations/1/data/shop/t.ibd", "agent/journal.sqlite3"})
    ASSERT_OK(os::WriteFileAtomic(volume.root() / file, "x", 0600));
  ASSERT_EQ(symlink("/etc/passwd", (volume.root() / "generations/1/data/shop/link").c_str()), 0);
  ASSERT_OK(os::WriteFileAtomic(volume.agent() / "server", "run 7 7 x\n", 0600));
  ASSERT_EQ(std::system(("chown -hR 12345:12345 " + volume.root().native()).c_str()), 0);
  Start();
  EXPECT_EQ(OwnerOf(volume.root()), "root 755");
  EXPECT_EQ(OwnerOf(volume.agent() / "journal.sqlite3"), "agent 600");
  EXPECT_EQ(OwnerOf(volume.root() / "generations/1/data/shop/t.ibd"), "server 600");
  EXPECT_EQ(OwnerOf(volume.root() / "generations/1/data/shop/link"), "server 777");
  EXPECT_EQ(OwnerOf(volume.root() / "generations/1/tmp"), "server 700");
  EXPECT_EQ(OwnerOf("/etc/passwd"), "root 644");
  ASSERT_OK_AND_ASSIGN(const auto record, os::ReadServerRecord(volume.helper() / "server"));
  EXPECT_TRUE(record && record->should_run);  // as it should have there
}

}  // namespace
}  // namespace dbagent::tests
