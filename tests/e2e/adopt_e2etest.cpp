// A volume that is not this agent's to look after is left as it is. That one from another machine
// or user is taken over is a boot test's (tests/boot) and the contract's (AdoptData).
#include <gtest/gtest.h>

#include "agent/os/files.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/arguments.h"
#include "tests/support/root_part.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

class Adopt : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.Prepare();
    v1::Operation operation;
    ASSERT_TRUE(Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::Stop,
                                          v1::StopInstanceRequest(), operation)
                    .ok());
    agent_.Finish(operation);
    agent_.Stop();
  }
  os::Path record() const { return agent_.volume().agent() / "instance"; }
  void Replace(const std::string& key, const std::string& value) {
    ASSERT_OK_AND_ASSIGN(std::string text, os::ReadFile(record()));
    const std::size_t at = text.find(key + "=");
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, text.find('\n', at) - at, key + "=" + value);
    ASSERT_OK(os::WriteFileAtomic(record(), text, 0600));
  }
  void ExpectRefusal(const std::string& reason, const std::string& words) {
    ASSERT_OK_AND_ASSIGN(const std::string before, os::ReadFile(record()));
    agent_.Start();
    EXPECT_TRUE(agent_.WaitForEnd());
    EXPECT_NE(agent_.log().find("reason=" + reason), std::string::npos) << agent_.log();
    EXPECT_NE(agent_.log().find(words), std::string::npos) << agent_.log();
    EXPECT_EQ(agent_.server_pid(), 0);
    ASSERT_OK_AND_ASSIGN(const std::string after, os::ReadFile(record()));
    EXPECT_EQ(after, before);
  }

  AgentProcess agent_;
};

TEST_F(Adopt, AnotherInstanceIsRefused) {
  agent_.more_instance = ", id: another";
  ExpectRefusal("WRONG_INSTANCE", "the settings name instance 'another'");
}

TEST_F(Adopt, AnotherDatastoreIsRefused) {
  Replace("product", "Oracle");
  ExpectRefusal("WRONG_DATASTORE", "it holds a Oracle instance");
}

TEST_F(Adopt, DataOfANewerServerIsRefused) {
  Replace("version", "99.1.2");
  ExpectRefusal("VERSION_UNSUPPORTED", "99.1.2");
}

TEST_F(Adopt, ItsOwnInstanceIsTakenWithOrWithoutItsIdInTheSettings) {
  ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(record()));
  agent_.more_instance = ", id: " + text.substr(3, text.find('\n') - 3);
  agent_.Start();
  v1::Operation operation;
  ASSERT_TRUE(Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::Start,
                                        v1::StartInstanceRequest(), operation)
                  .ok());
  agent_.Finish(operation);
  EXPECT_TRUE(agent_.BecomesHealthy());
  // a record of before has no such line; direct mode has one user, who is the same
  agent_.Stop();
  Replace("agent_user", "");
  agent_.Start();
  EXPECT_TRUE(agent_.BecomesHealthy());
  ASSERT_OK_AND_ASSIGN(const std::string now, os::ReadFile(record()));
  EXPECT_EQ(now, text);
}

// On a machine where agent and server are two users, so that both are others than before.
TEST(AdoptOfDirectMode, TheInstanceGoesOnWithItsDataUsersAndNewAccounts) {
  if (!TheArguments().separate) GTEST_SKIP() << "needs two OS users: --separate";
  AgentProcess agent;
  agent.direct = true;
  RootPart::MakeAgentsDirectory(agent.volume_root);
  agent.Start();
  agent.PrepareWithApp({"shop"});
  const std::string id = agent.Instance().id();
  const auto stop = [&] {
    v1::Operation operation;
    ASSERT_TRUE(Call<v1::InstanceService>(agent, &v1::InstanceService::Stub::Stop,
                                          v1::StopInstanceRequest(), operation)
                    .ok());
    agent.Finish(operation);
    agent.Stop();
  };
  stop();
  agent.direct = false;
  agent.Start();
  v1::Operation operation;
  ASSERT_TRUE(Call<v1::InstanceService>(agent, &v1::InstanceService::Stub::Start,
                                        v1::StartInstanceRequest(), operation)
                  .ok());
  ASSERT_EQ(agent.Finish(operation).state(), v1::SUCCEEDED) << operation.DebugString();
  EXPECT_EQ(agent.Instance().id(), id);
  EXPECT_EQ(agent.Instance().mode(), "separate");
  v1::ListUsersResponse users;
  ASSERT_TRUE(
      Call<v1::UserService>(agent, &v1::UserService::Stub::List, v1::ListUsersRequest(), users)
          .ok());
  ASSERT_EQ(users.users_size(), 1);  // no account of either agent is among them
  EXPECT_EQ(users.users(0).id().name(), "app");
  v1::CreateBackupRequest backup;
  backup.set_method(v1::BACKUP_METHOD_PHYSICAL);
  ASSERT_TRUE(
      Call<v1::BackupService>(agent, &v1::BackupService::Stub::Create, backup, operation).ok());
  EXPECT_EQ(agent.Finish(operation).state(), v1::SUCCEEDED);
}

}  // namespace
}  // namespace dbagent::tests
