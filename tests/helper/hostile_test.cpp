// dbagent-helper and those who mean it ill: strangers, an agent that was taken over, the server's
// user, who has the tenant's programs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "agent/os/helper_protocol.h"
#include "agent/stream/fd_stream.h"
#include "tests/helper/helper_process.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

using os::Fields;
using os::ParameterKind;
using std::chrono::seconds;

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    auto& tools = helper_.table.main.table.tools;
    tools.push_back(Script("hello", "echo hello"));
    tools.push_back(Script("wait", "sleep 1000"));
    tools.push_back(Script("number", "echo \"$0\"", {{"n", ParameterKind::kNumber}}));
    tools.back().arguments.emplace_back("{n}");
    tools.push_back(Script("generation", "echo \"$0\"", {{"g", ParameterKind::kGeneration}}));
    tools.back().arguments.emplace_back("{g}");
    helper_.Start();
    host_ = helper_.Host();
    const AsUser agent(kAgentUser);
    ASSERT_OK(host_->PrepareVolume());
    ASSERT_OK(host_->MakeGeneration());
  }
  // It still does its work for the agent.
  void TearDown() override {
    const AsUser agent(kAgentUser);
    EXPECT_EQ(SaidBy(*host_, "hello"), "hello\n");
  }

  // The reason that the helper answers, `OK`, or `closed`.
  std::string Answer(int connection) const {
    const auto packet = os::ReceivePacket(OpContext().WithBudget(seconds(20)), connection);
    if (!packet.ok() || !*packet) return "closed";
    const Fields& fields = (*packet)->fields;
    return !fields.empty() && fields[0] == "ok" ? "OK" : os::StatusOf(fields).reason();
  }
  std::string Ask(const Fields& rest, const std::vector<int>& descriptors = {}) const {
    Fields fields = {helper_.version()};
    fields.insert(fields.end(), rest.begin(), rest.end());
    const UniqueFd connection = helper_.Connect();
    const Status sent = os::SendPacket(connection.get(), fields, descriptors);
    if (sent.ok()) return Answer(connection.get());
    return sent.reason() == "HELPER_GONE" ? "closed" : sent.reason();  // before it was sent
  }
  std::string SendRaw(const std::string& bytes) const {
    const UniqueFd connection = helper_.Connect();
    send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return Answer(connection.get());
  }

  HelperProcess helper_;
  std::unique_ptr<os::InstanceHost> host_;
};

TEST_F(Hostile, NobodyButTheAgentIsAnswered) {
  for (const char* user : {"root", kServerUser, "nobody"}) {
    const AsUser other(user);
    EXPECT_EQ(Ask({"main", "server-state"}), "closed") << user;
  }
  EXPECT_NE(helper_.log().find("audit turned away why=\"uid "), std::string::npos);
}

TEST_F(Hostile, AnAgentWithAnotherTableIsTurnedAway) {
  const AsUser agent(kAgentUser);
  const UniqueFd connection = helper_.Connect();
  ASSERT_OK(os::SendPacket(connection.get(), {"0.1.0-0", "main", "server-state"}));
  EXPECT_EQ(Answer(connection.get()), "HELPER_TABLE_DIFFERS");
}

TEST_F(Hostile, PacketsThatAreNoneAreRefused) {
  const AsUser agent(kAgentUser);
  for (const std::string& bytes :
       {std::string("x"), std::string(4, '\xff'), std::string("\x05\0\0\0abc", 7),
        std::string(60'000, '\0'), std::string(os::kMostPacketBytes + 1, 'x')})
    EXPECT_NE(SendRaw(bytes), "OK") << bytes.size();
  EXPECT_EQ(SendRaw(""), "REQUEST_INVALID");
  EXPECT_EQ(Ask({}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"main"}), "REQUEST_INVALID");
}

TEST_F(Hostile, UnknownVerbsInstancesAndToolsAreRefused) {
  const AsUser agent(kAgentUser);
  EXPECT_EQ(Ask({"main", "format-disk"}), "VERB_UNKNOWN");
  EXPECT_EQ(Ask({"main", "discard", "0"}), "VERB_UNKNOWN");
  EXPECT_EQ(Ask({"other", "server-state"}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"../main", "server-state"}), "REQUEST_INVALID");
  EXPECT_EQ(ReasonOf(OutputOf(*host_, {"../../bin/sh", {}})), "UNKNOWN_TOOL");
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(Ask({"main", "run-tool", "/bin/sh", "0,1,2"}, {null.get(), null.get(), null.get()}),
            "UNKNOWN_TOOL");
}

TEST_F(Hostile, ArgumentsThatAreNoNumbersAreRefused) {
  const AsUser agent(kAgentUser);
  for (const char* argument : {"", "../1", "/etc", "-1", "1 ", " 1", "0x1", "1\n", "9e9",
                               "99999999999999999999999", "18446744073709551615"}) {
    EXPECT_EQ(Ask({"main", "switch-generation", argument}), "REQUEST_INVALID") << argument;
    EXPECT_EQ(Ask({"main", "remove-generation", argument}), "REQUEST_INVALID") << argument;
  }
  EXPECT_EQ(Ask({"main", "switch-generation", std::string("1\0", 2)}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"main", "switch-generation"}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"main", "switch-generation", "1", "2"}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"main", "switch-generation", "7"}), "GENERATION_NOT_FOUND");
}

// The agent's own side checks nothing of a tool that the helper runs.
TEST_F(Hostile, ParametersOfToolsAreCheckedHere) {
  const AsUser agent(kAgentUser);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::vector<int> streams(3, null.get());
  const auto run = [&](Fields rest) {
    Fields fields = {"main", "run-tool"};
    fields.insert(fields.end(), rest.begin(), rest.end());
    return Ask(fields, streams);
  };
  EXPECT_EQ(run({"number", "0,1,2", "n", "$(id)"}), "BAD_TOOL_PARAMETER");
  EXPECT_EQ(run({"number", "0,1,2", "n", ""}), "BAD_TOOL_PARAMETER");
  EXPECT_EQ(run({"number", "0,1,2"}), "BAD_TOOL_PARAMETER");
  EXPECT_EQ(run({"number", "0,1,2", "n", "1", "m", "1"}), "BAD_TOOL_PARAMETER");
  EXPECT_EQ(run({"number", "0,1,2", "n", "1", "n", "2"}), "REQUEST_INVALID");
  EXPECT_EQ(run({"number", "0,1,2", "n"}), "REQUEST_INVALID");
  for (const char* generation : {"../..", "2", "01x", "/", "1/../../agent"})
    EXPECT_EQ(run({"generation", "0,1,2", "g", generation}), "BAD_TOOL_PARAMETER") << generation;
}

TEST_F(Hostile, DescriptorsThatAreNoStreamsAreRefused) {
  const AsUser agent(kAgentUser);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd directory(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd path(open("/etc/passwd", O_PATH | O_CLOEXEC));
  const UniqueFd device(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const auto run = [&](const std::string& numbers, const std::vector<int>& descriptors) {
    return Ask({"main", "run-tool", "hello", numbers}, descriptors);
  };
  const int fine = null.get();
  for (const int bad : {directory.get(), path.get(), device.get()})
    EXPECT_EQ(run("0,1,2", {bad, fine, fine}), "DESCRIPTOR_INVALID");
  for (const char* numbers : {"", "0,1", "0,1,2,3", "0,1,1", "0,1,-2", "0,1,256", "0,1,2,", "1,2,3",
                              "0;1;2", "0,1,99999999999"})
    EXPECT_EQ(run(numbers, {fine, fine, fine}), "REQUEST_INVALID") << numbers;
  EXPECT_EQ(run("0,1,2", {}), "REQUEST_INVALID");
  EXPECT_EQ(Ask({"main", "server-state"}, {fine}), "REQUEST_INVALID");
  EXPECT_EQ(run("0,1,2", {fine, fine, fine}), "OK");
}

// What comes along with refused requests is closed.
TEST_F(Hostile, NoDescriptorStaysBehind) {
  const AsUser agent(kAgentUser);
  const os::Path descriptors = fmt::format("/proc/{}/fd", helper_.pid());
  const auto count = [&] {
    const AsUser root("root");
    const auto names = os::ListDirectory(descriptors);
    return names.ok() ? names->size() : 0;
  };
  const std::size_t before = count();
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int i = 0; i < 30; ++i)
    EXPECT_NE(Ask({"main", "no-verb"}, std::vector<int>(os::kMostDescriptors, null.get())), "OK");
  for (int i = 0; i < 100 && count() > before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_LE(count(), before);
}

TEST_F(Hostile, AFloodIsTurnedAwayAndTheHelperServesAfterIt) {
  const AsUser agent(kAgentUser);
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(helper_.Connect());
  EXPECT_NE(Ask({"main", "server-state"}), "OK");
  silent.clear();
  std::string answer;
  for (int i = 0; i < 100 && answer != "OK"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    answer = Ask({"main", "server-state"});
  }
  EXPECT_EQ(answer, "OK");
  const AsUser root("root");
  EXPECT_NE(helper_.log().find("audit turned away why=\"too many"), std::string::npos);
}

TEST_F(Hostile, ACallerThatSaysNothingIsGivenUp) {
  const AsUser agent(kAgentUser);
  const UniqueFd silent = helper_.Connect();
  EXPECT_EQ(Answer(silent.get()), "DEADLINE_EXCEEDED");
}

TEST_F(Hostile, SignalsGoToTheConnectionsOwnToolOnly) {
  const AsUser agent(kAgentUser);
  ASSERT_OK_AND_ASSIGN(const auto beside, host_->RunTool({"wait", {}}));
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd connection = helper_.Connect();
  ASSERT_OK(os::SendPacket(connection.get(),
                           {helper_.version(), "main", "run-tool", "wait", "0,1,2"},
                           {null.get(), null.get(), null.get()}));
  EXPECT_EQ(Answer(connection.get()), "OK");
  for (const Fields& nonsense :
       {Fields{"signal", "0"}, Fields{"signal", "-9"}, Fields{"signal", "9999"},
        Fields{"signal", "9", std::to_string(beside->pid())}, Fields{"kill"}, Fields{}})
    ASSERT_OK(os::SendPacket(connection.get(), nonsense));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_OK(os::ProcessStartTime(beside->pid()));
}

TEST_F(Hostile, NeitherUserCanPutAnotherThingInAGenerationsPlace) {
  const os::Volume volume = helper_.volume();
  for (const char* user : {kAgentUser, kServerUser}) {
    const AsUser other(user);
    for (const os::Path& path :
         {volume.current(), volume.generations(), volume.generation(1).root,
          volume.generation(1).data, volume.agent(), volume.config(), volume.helper()}) {
      const os::Path away = path.native() + ".away";
      EXPECT_NE(rename(path.c_str(), away.c_str()), 0) << user << " " << path;
      EXPECT_NE(symlink("/etc", away.c_str()), 0) << user << " " << away;
    }
  }
  const AsUser server(kServerUser);
  EXPECT_NE(access((volume.agent() / "lock").c_str(), F_OK), 0);
  EXPECT_NE(open((volume.config() / "x").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
}

TEST_F(Hostile, LinksInTheServersFilesLeadNowhere) {
  const os::Generation generation = helper_.volume().generation(1);
  const os::Path outside = helper_.home() / "outside";
  ASSERT_OK(os::MakeDirectories(outside, 0777));
  ASSERT_OK(os::WriteFileAtomic(outside / "precious", "x", 0666));
  {
    const AsUser server(kServerUser);
    ASSERT_EQ(symlink(outside.c_str(), (generation.data / "d").c_str()), 0);
    ASSERT_EQ(symlink((outside / "precious").c_str(), (generation.log / "server.log").c_str()), 0);
    ASSERT_EQ(symlink("/", (generation.tmp / "root").c_str()), 0);
  }
  const AsUser agent(kAgentUser);
  ASSERT_OK(host_->PrepareVolume());
  ASSERT_OK(host_->RemoveGeneration(1));
  ASSERT_OK_AND_ASSIGN(const std::string kept, os::ReadFile(outside / "precious"));
  EXPECT_EQ(kept, "x");
}

// The log is opened with the server's rights: what only root may write is not written.
TEST_F(Hostile, ALogThatLeadsElsewhereIsNotWrittenWithRootsRights) {
  const os::Generation generation = helper_.volume().generation(1);
  ASSERT_OK(os::WriteFileAtomic(helper_.home() / "roots", "", 0600));
  {
    const AsUser server(kServerUser);
    ASSERT_EQ(symlink((helper_.home() / "roots").c_str(), (generation.log / "server.log").c_str()),
              0);
  }
  const AsUser agent(kAgentUser);
  ASSERT_OK(host_->SwitchGeneration(1));
  EXPECT_EQ(ReasonOf(host_->StartServer()), "PERMISSION_DENIED");
}

TEST_F(Hostile, AFileWithASecondNameIsNotGivenAway) {
  const os::Generation generation = helper_.volume().generation(1);
  // as one who foresees that the volume gets new owners would do
  ASSERT_OK(os::WriteFileAtomic(helper_.home() / "roots", "", 0600));
  ASSERT_EQ(link((helper_.home() / "roots").c_str(), (generation.data / "mine").c_str()), 0);
  ASSERT_EQ(chown(generation.data.c_str(), 12345, 12345), 0);
  const AsUser agent(kAgentUser);
  EXPECT_EQ(ReasonOf(host_->PrepareVolume()), "VOLUME_UNSAFE");
  struct stat info {};
  ASSERT_EQ(stat((helper_.home() / "roots").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0U);
}

TEST_F(Hostile, AVolumeInADirectoryThatOthersChangeIsRefused) {
  ASSERT_EQ(chmod(helper_.home().c_str(), 0777), 0);
  {
    const AsUser agent(kAgentUser);
    EXPECT_EQ(ReasonOf(host_->PrepareVolume()), "VOLUME_UNSAFE");
  }
  ASSERT_EQ(chmod(helper_.home().c_str(), 0755), 0);
}

TEST_F(Hostile, TheAuditIsOneLineForEachVerbWhateverIsInIt) {
  const AsUser agent(kAgentUser);
  EXPECT_EQ(Ask({"main", "x\n<0>audit instance=\"main\" verb=\"forged\" outcome=ok"}),
            "VERB_UNKNOWN");
  const AsUser root("root");
  std::string log;
  for (int i = 0; i < 100 && log.find("forged") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    log = helper_.log();
  }
  EXPECT_EQ(log.find("\n<0>"), std::string::npos);
  EXPECT_NE(log.find("verb=\"x\\x0a<0>audit instance=\\\"main\\\" verb=\\\"forged"),
            std::string::npos)
      << log;
}

}  // namespace
}  // namespace dbagent::tests
