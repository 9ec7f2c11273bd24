#include <gtest/gtest.h>

#include "agent/os/files.h"
#include "tests/fault/kill_scenario.h"

namespace dbagent::tests {
namespace {

using v1::DatabaseService;
using v1::UserService;

}  // namespace

bool Exists(AgentProcess& agent, const std::string& database) {
  v1::GetDatabaseRequest request;
  request.set_name(database);
  v1::Database found;
  return Call<DatabaseService>(agent, &DatabaseService::Stub::Get, request, found).ok();
}

void Create(AgentProcess& agent, const std::vector<std::string>& names) {
  v1::CreateDatabasesRequest request;
  for (const std::string& name : names) request.add_databases()->set_name(name);
  v1::CreateDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::Create, request, response);
}

void Drop(AgentProcess& agent, const std::vector<std::string>& names) {
  v1::DeleteDatabasesRequest request;
  for (const std::string& name : names) request.add_names(name);
  v1::DeleteDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::Delete, request, response);
}

std::vector<std::string> DatabaseNames(AgentProcess& agent) {
  v1::ListDatabasesResponse response;
  Call<DatabaseService>(agent, &DatabaseService::Stub::List, v1::ListDatabasesRequest(), response);
  std::vector<std::string> names;
  for (const v1::Database& database : response.databases()) names.push_back(database.name());
  return names;
}

void CreateUser(AgentProcess& agent, const std::string& database) {
  v1::CreateUsersRequest request;
  v1::NewUser& user = *request.add_users();
  user.mutable_user()->mutable_id()->set_name("killer");
  user.set_password(kOldPassword);
  if (!database.empty()) {
    v1::DatabaseGrant& grant = *user.add_grants();
    grant.set_database(database);
    grant.set_set(v1::READ_WRITE);
  }
  v1::CreateUsersResponse response;
  Call<UserService>(agent, &UserService::Stub::Create, request, response);
}

void DropUser(AgentProcess& agent) {
  v1::DeleteUsersRequest request;
  request.add_ids()->set_name("killer");
  v1::DeleteUsersResponse response;
  Call<UserService>(agent, &UserService::Stub::Delete, request, response);
}

bool UserExists(AgentProcess& agent) {
  v1::GetUserRequest request;
  request.mutable_id()->set_name("killer");
  v1::User found;
  return Call<UserService>(agent, &UserService::Stub::Get, request, found).ok();
}

void WriteKeys(AgentProcess& agent) {
  for (const char* id : {"old", "new"}) {
    const Status written =
        os::WriteFileAtomic(agent.home() / id, std::string(64, id[0] == 'o' ? '1' : '2'), 0600);
    ASSERT_TRUE(written.ok()) << written.ToString();
  }
  agent.more_settings = fmt::format(
      // other tests run beside this one
      "limits: {{scratch_nice: 3}}\n"
      "encryption: {{active: new, keys: [{{id: old, key: {{file: {0}/old}}}}, "
      "{{id: new, key: {{file: {0}/new}}}}]}}\n",
      agent.home().native());
}

// To an end that the agent may not live to see.
void FollowWhileItLives(AgentProcess& agent, const v1::Operation& operation) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
  v1::WatchOperationRequest request;
  request.set_id(operation.id());
  const auto stub = v1::OperationService::NewStub(agent.channel());
  const auto stream = stub->Watch(&context, request);
  v1::Operation latest;
  while (stream->Read(&latest)) {
  }
  stream->Finish();
}

}  // namespace dbagent::tests
