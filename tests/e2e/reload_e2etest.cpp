// Settings that are read again while the agent runs.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

class Reload : public testing::Test {
 protected:
  std::string ReasonOfList() {
    v1::ListDatabasesResponse response;
    const Outcome outcome = Call<v1::DatabaseService>(agent_, &v1::DatabaseService::Stub::List,
                                                      v1::ListDatabasesRequest(), response);
    return outcome.ok() ? "OK" : outcome.reason;
  }
  std::string Peer(const std::string& role) const {
    return fmt::format("{{user: {}, role: {}}}", geteuid(), role);
  }

  AgentProcess agent_;
};

TEST_F(Reload, RolesAndPeersCountAtOnceForConnectionsThatAreOpen) {
  agent_.peers = Peer("admin");
  agent_.Start();
  EXPECT_EQ(ReasonOfList(), "NOT_PREPARED");
  agent_.more_settings = "roles: {operations: [\"OperationService/*\"]}\n";
  agent_.peers = Peer("operations");
  agent_.Reload();
  EXPECT_EQ(ReasonOfList(), "METHOD_NOT_ALLOWED");
  agent_.peers = Peer("viewer");
  agent_.Reload();
  EXPECT_EQ(ReasonOfList(), "NOT_PREPARED");
}

TEST_F(Reload, WhatNeedsARestartRefusesAllOfIt) {
  agent_.peers = Peer("admin");
  agent_.Start();
  agent_.peers = Peer("viewer");
  agent_.more_settings = "limits: {stream_buffers: 128MiB}\n";
  agent_.more_stores = ", {name: other, kind: file, path: /srv/other}";
  agent_.Reload();
  EXPECT_NE(agent_.log().find("reason=RESTART_NEEDED"), std::string::npos) << agent_.log();
  EXPECT_NE(agent_.log().find("limits.stream_buffers, stores cannot change"), std::string::npos)
      << agent_.log();
  // still admin
  v1::Operation operation;
  const Outcome outcome = Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::Start,
                                                    v1::StartInstanceRequest(), operation);
  EXPECT_EQ(outcome.reason, "NOT_PREPARED");
}

TEST_F(Reload, MistakesAreToldAndChangeNothing) {
  agent_.peers = Peer("admin");
  agent_.Start();
  agent_.more_settings = "limit: {}\nroles: [x]\n";
  agent_.Reload();
  EXPECT_NE(agent_.log().find("reason=SETTINGS_INVALID"), std::string::npos) << agent_.log();
  EXPECT_NE(agent_.log().find("unknown key 'limit'"), std::string::npos) << agent_.log();
  EXPECT_EQ(ReasonOfList(), "NOT_PREPARED");
  agent_.more_settings.clear();
  agent_.Reload();
  EXPECT_NE(agent_.log().find("agent.reloaded"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::tests
