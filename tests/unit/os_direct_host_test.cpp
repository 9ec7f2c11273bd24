#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "agent/os/direct_host.h"
#include "agent/stream/fd_stream.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::os {
namespace {

ToolDefinition Script(std::string name, std::string script,
                      std::map<std::string, ParameterKind> parameters = {}) {
  return {std::move(name),
          "/bin/sh",
          {"-c", std::move(script)},
          std::move(parameters),
          {{"PATH", "/usr/bin:/bin"}}};
}

DirectHostOptions OptionsFor(const Path& volume, std::vector<ToolDefinition> tools) {
  DirectHostOptions options;
  options.volume = Volume(volume);
  options.runtime_directory = volume / "run";
  options.table.tools = std::move(tools);
  return options;
}

std::unique_ptr<InstanceHost> Prepared(DirectHostOptions options) {
  auto host = MakeDirectHost(std::move(options));
  EXPECT_OK(host->PrepareVolume());
  return host;
}

std::unique_ptr<InstanceHost> HostWith(const Path& volume, std::vector<ToolDefinition> tools) {
  return Prepared(OptionsFor(volume, std::move(tools)));
}

// What a tool said on stdout, when it succeeded.
Result<std::string> OutputOf(InstanceHost& host, ToolCall call) {
  ASSIGN_OR_RETURN(stream::Pipe out, stream::MakePipe());
  call.stdout_fd = out.write_end.get();
  ASSIGN_OR_RETURN(const auto child, host.RunTool(call));
  out.write_end.Reset();
  std::string text = tests::ReadUntil(out.read_end.get(), '\0');
  RETURN_IF_ERROR(WaitForSuccess(OpContext(), *child, call.name));
  return text;
}

ToolCall Call(std::string name, std::map<std::string, std::string> parameters = {}) {
  ToolCall call;
  call.name = std::move(name);
  call.parameters = std::move(parameters);
  return call;
}

mode_t ModeOf(const Path& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

// ---- generations ----

TEST(DirectHost, MakesGenerationsThatTouchNoOther) {
  const tests::TempDir volume;
  const auto host = HostWith(volume.path(), {});
  ASSERT_OK_AND_ASSIGN(const Generation first, host->MakeGeneration());
  EXPECT_EQ(first.number, 1U);
  for (const Path& path : {first.data, first.log, first.tablespaces, first.tmp})
    EXPECT_EQ(ModeOf(path), 0700U) << path;
  ASSERT_OK_AND_ASSIGN(const Generation second, host->MakeGeneration());
  EXPECT_EQ(second.number, 2U);
  ASSERT_OK(host->RemoveGeneration(2));
  ASSERT_OK(host->RemoveGeneration(2));
  ASSERT_OK_AND_ASSIGN(const auto numbers, Volume(volume.path()).Numbers());
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1}));
}

TEST(DirectHost, SwitchesGenerationsWithoutAMomentWithoutOne) {
  const tests::TempDir directory;
  const Volume volume(directory.path());
  const auto host = HostWith(directory.path(), {});
  ASSERT_OK(host->MakeGeneration());
  ASSERT_OK(host->MakeGeneration());
  ASSERT_OK(host->SwitchGeneration(1));
  std::atomic<bool> done = false;
  std::atomic<int> gaps = 0;
  std::thread reader([&] {
    while (!done) gaps += std::filesystem::exists(volume.current() / "data") ? 0 : 1;
  });
  for (int i = 0; i < 50; ++i) EXPECT_OK(host->SwitchGeneration(1 + i % 2));
  done = true;
  reader.join();
  EXPECT_EQ(gaps, 0);
  EXPECT_EQ(std::filesystem::read_symlink(volume.current()), "generations/2");
}

TEST(DirectHost, RefusesToSwitchToNothingOrToRemoveTheCurrentGeneration) {
  const tests::TempDir volume;
  const auto host = HostWith(volume.path(), {});
  ASSERT_OK(host->MakeGeneration());
  EXPECT_EQ(tests::ReasonOf(host->SwitchGeneration(2)), "GENERATION_NOT_FOUND");
  ASSERT_OK(host->SwitchGeneration(1));
  EXPECT_EQ(tests::ReasonOf(host->RemoveGeneration(1)), "GENERATION_IN_USE");
  ASSERT_OK(host->RemoveCurrentLink());
  ASSERT_OK(host->RemoveCurrentLink());
  ASSERT_OK(host->RemoveGeneration(1));
}

TEST(DirectHost, FinishesASwitchThatACrashCutOff) {
  const tests::TempDir directory;
  const auto host = HostWith(directory.path(), {});
  ASSERT_OK(host->MakeGeneration());
  ASSERT_EQ(symlink("generations/9", (directory / "current.new").c_str()), 0);
  ASSERT_OK(host->SwitchGeneration(1));
  EXPECT_EQ(std::filesystem::read_symlink(directory / "current"), "generations/1");
}

// ---- tools ----

TEST(DirectHost, RunsToolsOfItsTableOnly) {
  const tests::TempDir volume;
  const auto host = HostWith(volume.path(), {Script("hello", "echo hello")});
  ASSERT_OK_AND_ASSIGN(const std::string text, OutputOf(*host, Call("hello")));
  EXPECT_EQ(text, "hello\n");
  EXPECT_EQ(tests::ReasonOf(host->RunTool(Call("rm"))), "UNKNOWN_TOOL");
}

TEST(DirectHost, FillsParametersInAndNeverTwice) {
  const tests::TempDir volume;
  ToolDefinition echo = Script("echo", "printf '%s|' \"$@\"",
                               {{"a", ParameterKind::kText},
                                {"n", ParameterKind::kNumber},
                                {"g", ParameterKind::kGeneration}});
  for (const char* argument : {"sh", "--a={a}", "{n}{n}", "{g}/data", "{b}", "{"})
    echo.arguments.emplace_back(argument);
  const auto host = HostWith(volume.path(), {echo});
  ASSERT_OK(host->MakeGeneration());
  ASSERT_OK_AND_ASSIGN(
      const std::string text,
      OutputOf(*host, Call("echo", {{"a", "{n} $(id)"}, {"n", "07"}, {"g", "1"}})));
  EXPECT_EQ(text, fmt::format("--a={{n}} $(id)|0707|{}/generations/1/data|{{b}}|{{|",
                              volume.path().native()));
}

TEST(DirectHost, RefusesParametersThatAreMissingForeignOrOfAnotherKind) {
  const tests::TempDir volume;
  const auto host =
      HostWith(volume.path(), {Script("t", "true", {{"n", ParameterKind::kNumber}}),
                               Script("s", "true", {{"s", ParameterKind::kText}}),
                               Script("g", "true", {{"g", ParameterKind::kGeneration}})});
  ASSERT_OK(host->MakeGeneration());
  for (const ToolCall& call :
       {Call("t"), Call("t", {{"n", "1"}, {"m", "1"}}), Call("t", {{"n", "1x"}}),
        Call("t", {{"n", ""}}), Call("s", {{"s", std::string("a\0b", 3)}}), Call("g", {{"g", "2"}}),
        Call("g", {{"g", "../1"}})}) {
    EXPECT_EQ(tests::ReasonOf(host->RunTool(call)), "BAD_TOOL_PARAMETER");
  }
  EXPECT_EQ(host->RunTool(Call("g", {{"g", "2"}})).status().FullMessage(),
            "unable to run g: parameter 'g' is no generation that there is");
}

TEST(DirectHost, KeepsARecordOfEachToolWhileItRuns) {
  const tests::TempDir volume;
  const auto host = HostWith(volume.path(), {Script("wait", "read line")});
  ASSERT_OK(host->MakeGeneration());
  ASSERT_OK_AND_ASSIGN(stream::Pipe in, stream::MakePipe());
  ToolCall call = Call("wait");
  call.stdin_fd = in.read_end.get();
  ASSERT_OK_AND_ASSIGN(const auto child, host->RunTool(call));
  const Path record = volume / "agent/children" / std::to_string(child->pid());
  EXPECT_TRUE(std::filesystem::exists(record));
  in.write_end.Reset();
  ASSERT_OK(child->Wait(OpContext()));
  EXPECT_FALSE(std::filesystem::exists(record));
  ToolDefinition missing = Script("missing", "");
  missing.program = "/no/such/program";
  EXPECT_EQ(tests::ReasonOf(HostWith(volume.path(), {missing})->RunTool(Call("missing"))),
            "PROGRAM_NOT_FOUND");
  EXPECT_TRUE(std::filesystem::is_empty(volume / "agent/children"));
}

// A tool that starts a process and a grandchild of its own group each, says their pids, and waits
// for ever.
ToolDefinition Family() {
  return Script("family",
                "sh -c 'set -m; sleep 1000 & echo $!; wait' & set -m; sleep 1000 & echo $!; wait");
}

// The death test runs its statement in a fresh copy of this program: an agent of its own, with the
// same volume.
TEST(DirectHostDeathTest, TakeOverEndsTheSessionsOfAnEarlierLife) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const tests::TempDir own;
  if (std::getenv("DBAGENT_TEST_VOLUME") == nullptr)
    setenv("DBAGENT_TEST_VOLUME", own.path().c_str(), 1);
  const Path volume = std::getenv("DBAGENT_TEST_VOLUME");
  const auto die_with_a_tool = [&] {
    const auto host = HostWith(volume, {Family()});
    Result<stream::Pipe> out = stream::MakePipe();
    if (!out.ok() || !Volume(volume).MakeLayout().ok()) _exit(1);
    ToolCall call = Call("family");
    call.stdout_fd = out->write_end.get();
    const auto child = host->RunTool(call);
    if (!child.ok()) _exit(1);
    const std::string pids =
        tests::ReadUntil(out->read_end.get()) + "\n" + tests::ReadUntil(out->read_end.get());
    if (!WriteFileAtomic(volume / "pids", pids, 0600).ok()) _exit(1);
    raise(SIGKILL);
  };
  EXPECT_EXIT(die_with_a_tool(), testing::KilledBySignal(SIGKILL), "");
  unsetenv("DBAGENT_TEST_VOLUME");
  ASSERT_OK_AND_ASSIGN(const std::string pids, ReadFile(volume / "pids"));
  const pid_t first = std::atoi(pids.c_str());
  const pid_t second = std::atoi(pids.c_str() + pids.find('\n') + 1);
  ASSERT_OK(ProcessStartTime(first));
  ASSERT_OK(ProcessStartTime(second));
  ASSERT_OK(HostWith(volume, {})->TakeOver());
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(first)), "NOT_FOUND");
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(second)), "NOT_FOUND");
  EXPECT_TRUE(std::filesystem::is_empty(volume / "agent/children"));
}

TEST(DirectHost, TakeOverSparesAProcessThatOnlyHasTheNumberOfARecordedOne) {
  const tests::TempDir volume;
  ASSERT_OK(Volume(volume.path()).MakeLayout());
  ASSERT_OK(MakeDirectories(volume / "agent/children", 0700));
  ChildSpec spec;
  spec.name = "sleep";
  spec.program = "/bin/sleep";
  spec.arguments = {"1000"};
  ASSERT_OK_AND_ASSIGN(const auto stranger, ChildProcess::Spawn(spec));
  ASSERT_OK_AND_ASSIGN(const std::string boot, BootId());
  const Path record = volume / "agent/children" / std::to_string(stranger->pid());
  ASSERT_OK(WriteFileAtomic(record, "1 " + boot + " old\n", 0600));
  ASSERT_OK(WriteFileAtomic(volume / "agent/children/77777", "", 0600));
  ASSERT_OK(HostWith(volume.path(), {})->TakeOver());
  EXPECT_OK(ProcessStartTime(stranger->pid()));
  EXPECT_TRUE(std::filesystem::is_empty(volume / "agent/children"));
}

// ---- a transient host ----

TEST(DirectHost, WhatATransientHostRunsYieldsToEverythingElse) {
  const tests::TempDir volume;
  DirectHostOptions options = OptionsFor(
      volume.path(),
      {Script("nice",
              "nice; ionice; for i in $(seq 200); do [ $(cat "
              "/proc/self/oom_score_adj) = 1000 ] && echo 1000 && break; sleep 0.05; done")});
  options.transient_nice = 7;
  const auto host = Prepared(std::move(options));
  ASSERT_OK(host->MakeGeneration());
  ASSERT_OK_AND_ASSIGN(const std::string said, OutputOf(*host, Call("nice")));
  EXPECT_EQ(said, "7\nidle\n1000\n");
}

TEST(DirectHost, DiscardingAVolumeEndsWhoeverWorksInItAndRemovesIt) {
  const tests::TempDir directory;
  const Volume volume(directory / "scratch");
  const auto host = HostWith(volume.root(), {});
  ASSERT_OK(host->MakeGeneration());
  ChildSpec spec;
  spec.name = "sleep";
  spec.program = "/bin/sleep";
  spec.arguments = {"1000"};
  ASSERT_OK_AND_ASSIGN(const auto beside, ChildProcess::Spawn(spec));
  spec.working_directory = volume.generation(1).data;
  // as a server whose agent was killed
  ASSERT_OK_AND_ASSIGN(const auto inside, ChildProcess::Spawn(spec));
  ASSERT_OK(host->Discard(Deadline::After(std::chrono::seconds(20))));
  EXPECT_EQ(tests::ReasonOf(ProcessStartTime(inside->pid())), "NOT_FOUND");
  EXPECT_OK(ProcessStartTime(beside->pid()));
  EXPECT_FALSE(std::filesystem::exists(volume.root()));
  ASSERT_OK(host->Discard(Deadline::After(std::chrono::seconds(20))));
}

}  // namespace
}  // namespace dbagent::os
