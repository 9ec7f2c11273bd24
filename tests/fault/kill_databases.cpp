// Databases, users, the server as a whole: what becomes of a call that is cut.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fault/kill_scenario.h"

namespace dbagent::tests {
namespace {

using v1::DatabaseService;
using v1::InstanceService;
using v1::UserService;

bool HoldsGrant(AgentProcess& agent) {
  v1::ListGrantsRequest request;
  request.mutable_id()->set_name("killer");
  v1::ListGrantsResponse response;
  Call<UserService>(agent, &UserService::Stub::ListGrants, request, response);
  return std::any_of(response.grants().begin(), response.grants().end(),
                     [](const v1::DatabaseGrant& grant) {
                       return grant.database() == "keep" && grant.set() == v1::READ_ONLY;
                     });
}

template <typename Request>
Request GrantOnKeep() {
  Request request;
  request.mutable_id()->set_name("killer");
  v1::DatabaseGrant& grant = *request.add_grants();
  grant.set_database("keep");
  grant.set_set(v1::READ_ONLY);
  return request;
}

bool RootIsEnabled(AgentProcess& agent) {
  v1::RootState state;
  Call<UserService>(agent, &UserService::Stub::GetRootState, google::protobuf::Empty(), state);
  return state.enabled();
}

void EnableRoot(AgentProcess& agent) {
  v1::EnableRootResponse response;
  Call<UserService>(agent, &UserService::Stub::EnableRoot, v1::EnableRootRequest(), response);
}

void DisableRoot(AgentProcess& agent) {
  v1::RootState state;
  Call<UserService>(agent, &UserService::Stub::DisableRoot, v1::DisableRootRequest(), state);
}

}  // namespace

std::vector<Scenario> DatabaseScenarios() {
  const auto all_or_none = [](AgentProcess& agent, bool succeeded) {
    EXPECT_EQ(Exists(agent, "k-1"), succeeded);
    EXPECT_EQ(Exists(agent, "k-2"), succeeded);
  };
  const auto without = [](AgentProcess& agent) { Drop(agent, {"k-1", "k-2"}); };
  return {
      {"database.create", without,
       [](AgentProcess& agent) {
         Create(agent, {"k-1", "k-2"});
       },
       all_or_none},
      {"database.delete",
       [](AgentProcess& agent) {
         Create(agent, {"k-1", "k-2"});
       },
       without,
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(Exists(agent, "k-1"), !succeeded);
         EXPECT_EQ(Exists(agent, "k-2"), !succeeded);
       }},
      {"database.update",
       [](AgentProcess& agent) {
         Drop(agent, {"k-1"});
         Create(agent, {"k-1"});
       },
       [](AgentProcess& agent) {
         v1::UpdateDatabaseRequest request;
         request.mutable_database()->set_name("k-1");
         if (TheTraits().has_owner) {
           request.mutable_database()->set_connection_limit(7);
           request.mutable_update_mask()->add_paths("connection_limit");
         } else {
           request.mutable_database()->set_character_set(TheTraits().character_set);
           request.mutable_update_mask()->add_paths("character_set");
         }
         v1::Database changed;
         Call<DatabaseService>(agent, &DatabaseService::Stub::Update, request, changed);
       },
       [](AgentProcess& agent, bool succeeded) {
         v1::GetDatabaseRequest request;
         request.set_name("k-1");
         v1::Database found;
         ASSERT_TRUE(
             Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found).ok());
         const bool changed = TheTraits().has_owner
                                  ? found.connection_limit() == 7
                                  : found.character_set() == TheTraits().character_set;
         EXPECT_EQ(changed, succeeded);
       }},
  };
}

std::vector<Scenario> UserScenarios() {
  const auto without_user = [](AgentProcess& agent) { DropUser(agent); };
  const auto with_user = [](AgentProcess& agent) {
    DropUser(agent);
    CreateUser(agent, "keep");
  };
  return {
      {"user.create", without_user, [](AgentProcess& agent) { CreateUser(agent, "keep"); },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(UserExists(agent), succeeded); }},
      {"user.delete", with_user, without_user,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(UserExists(agent), !succeeded); }},
      {"user.update", with_user,
       [](AgentProcess& agent) {
         v1::UpdateUserRequest request;
         request.mutable_user()->mutable_id()->set_name("killer");
         request.set_password(kNewPassword);
         request.mutable_update_mask()->add_paths("password");
         v1::User changed;
         Call<UserService>(agent, &UserService::Stub::Update, request, changed);
       },
       [](AgentProcess& agent, bool succeeded) {
         EXPECT_EQ(TheTraits().log_in(agent.port(), {"killer", Secret(kNewPassword), "keep"}).ok(),
                   succeeded);
         EXPECT_EQ(TheTraits().log_in(agent.port(), {"killer", Secret(kOldPassword), "keep"}).ok(),
                   !succeeded);
       }},
      {"user.grant",
       [](AgentProcess& agent) {
         DropUser(agent);
         CreateUser(agent);
       },
       [](AgentProcess& agent) {
         v1::GrantResponse response;
         Call<UserService>(agent, &UserService::Stub::Grant, GrantOnKeep<v1::GrantRequest>(),
                           response);
       },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(HoldsGrant(agent), succeeded); }},
      {"user.revoke",
       [](AgentProcess& agent) {
         DropUser(agent);
         CreateUser(agent);
         v1::GrantResponse response;
         Call<UserService>(agent, &UserService::Stub::Grant, GrantOnKeep<v1::GrantRequest>(),
                           response);
       },
       [](AgentProcess& agent) {
         v1::RevokeResponse response;
         Call<UserService>(agent, &UserService::Stub::Revoke, GrantOnKeep<v1::RevokeRequest>(),
                           response);
       },
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(HoldsGrant(agent), !succeeded); }},
      {"user.enable_root", DisableRoot, EnableRoot,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(RootIsEnabled(agent), succeeded); }},
      {"user.disable_root", EnableRoot, DisableRoot,
       [](AgentProcess& agent, bool succeeded) { EXPECT_EQ(RootIsEnabled(agent), !succeeded); }},
  };
}

std::vector<Scenario> ServerScenarios() {
  const auto start = [](AgentProcess& agent) {
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Start, v1::StartInstanceRequest());
  };
  const auto stop = [](AgentProcess& agent) {
    RunOperation<InstanceService>(agent, &InstanceService::Stub::Stop, v1::StopInstanceRequest());
  };
  const auto runs = [](AgentProcess& agent, bool succeeded) {
    EXPECT_TRUE(succeeded);
    EXPECT_TRUE(agent.BecomesHealthy()) << agent.log();
  };
  return {
      {"instance.stop", start, stop,
       [start](AgentProcess& agent, bool succeeded) {
         if (succeeded) {
           EXPECT_EQ(agent.Instance().state(), v1::STOPPED);
         }
         start(agent);
       }},
      {"instance.start", stop, start, runs},
      {"instance.restart", start,
       [](AgentProcess& agent) {
         RunOperation<InstanceService>(agent, &InstanceService::Stub::Restart,
                                       v1::RestartInstanceRequest());
       },
       runs},
  };
}

}  // namespace dbagent::tests
