#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "agent/os/files.h"
#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

// The program `dbagentctl` as a user runs it. Its standard output and error, together, and its exit
// code.
struct Said {
  int exit_code = -1;
  std::string text;
};

Said Ctl(AgentProcess& agent, const std::string& arguments) {
  const std::string command = fmt::format("{}/agent/dbagentctl --socket {} {} 2>&1",
                                          DBAGENT_BINARY_DIR, agent.socket().native(), arguments);
  Said said;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    said.text.append(buffer, got);
  said.exit_code = WEXITSTATUS(pclose(pipe));
  return said;
}

TEST(Services, AnswerHealthChecks) {
  AgentProcess agent;
  agent.Start();
  // grpc.health.v1.Health/Check with an empty request answers status SERVING (field 1, value 1)
  const auto channel = agent.channel();
  grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                   grpc::internal::RpcMethod::NORMAL_RPC, channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  google::protobuf::Empty request, response;
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall<google::protobuf::Empty, google::protobuf::Empty>(
          channel.get(), method, &context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.SerializeAsString(), std::string("\x08\x01"));  // kept as an unknown field
}

TEST(Ctl, SaysWhatItCannotReachAndEndsWithThree) {
  AgentProcess agent;  // never started
  const Said said = Ctl(agent, "instance get");
  EXPECT_EQ(said.exit_code, 3);
  EXPECT_NE(said.text.find("AGENT_UNREACHABLE"), std::string::npos) << said.text;
  EXPECT_NE(said.text.find("hint:"), std::string::npos);
}

TEST(Ctl, EndsWithTwoForAWrongCommandLine) {
  AgentProcess agent;
  EXPECT_EQ(Ctl(agent, "instance fly").exit_code, 2);
  EXPECT_EQ(Ctl(agent, "").exit_code, 2);
  EXPECT_EQ(Ctl(agent, "--help").exit_code, 0);
}

TEST(Ctl, CompletesItsOwnCommands) {
  AgentProcess agent;
  const Said said = Ctl(agent, "completion bash");
  EXPECT_EQ(said.exit_code, 0);
  std::ofstream(agent.home() / "completion")
      << said.text
      << "\nCOMP_WORDS=(dbagentctl backup re)\nCOMP_CWORD=2\n_dbagentctl\necho "
         "\"${COMPREPLY[@]}\"\n";
  FILE* pipe = popen(("bash " + (agent.home() / "completion").native()).c_str(), "r");
  char line[256] = "";
  ASSERT_NE(fgets(line, sizeof line, pipe), nullptr);
  pclose(pipe);
  EXPECT_STREQ(line, "restore renew-credentials\n");
}

TEST(Ctl, ShowsOneLifeOfADatabaseAsAPersonWouldSeeIt) {
  AgentProcess agent;
  agent.Start();
  EXPECT_NE(
      Ctl(agent, "instance prepare --memory-mib 256 --database shop --allow-network 127.0.0.0/8")
          .text.find("instance.prepare done"),
      std::string::npos);
  std::ofstream(agent.home() / "password") << "s3cret of the shop\n";
  EXPECT_EQ(Ctl(agent, "user create app --grant shop=read-write --password-file " +
                           (agent.home() / "password").native())
                .exit_code,
            0);
  EXPECT_TRUE(TheTraits().log_in(agent.port(), {"app", Secret("s3cret of the shop"), "shop"}).ok());
  EXPECT_NE(Ctl(agent, "grant list app").text.find("read-write"), std::string::npos);
  const Said partly = Ctl(agent, "database create one shop two");
  EXPECT_EQ(partly.exit_code, 4);
  EXPECT_NE(partly.text.find("reason: DATABASE_EXISTS"), std::string::npos) << partly.text;
  EXPECT_EQ(Ctl(agent, "user get nobody").exit_code, 1);
  const Said backup = Ctl(agent, "backup create");
  EXPECT_EQ(backup.exit_code, 0) << backup.text;
  EXPECT_NE(Ctl(agent, "backup list").text.find("logical"), std::string::npos);
  const Said json = Ctl(agent, "--json operation list --limit 1");
  EXPECT_NE(json.text.find("\"kind\":\"backup.create\""), std::string::npos) << json.text;
}

// Every secret of a run, looked for in everything that the run wrote and in what its processes
// show.
TEST(Secrets, AreNowhereInWhatARunLeaves) {
  const std::string secrets[] = {"Pa55-one-with'quote", "Pa55-two-with\\back", "Pa55-three-root"};
  AgentProcess agent;
  agent.Start();
  v1::PrepareInstanceRequest prepare;
  prepare.add_allowed_networks("127.0.0.0/8");
  prepare.add_databases()->set_name("shop");
  v1::NewUser& first = *prepare.add_users();
  first.mutable_user()->mutable_id()->set_name("app");
  first.set_password(secrets[0]);
  agent.Prepare(prepare);
  v1::UpdateUserRequest update;
  update.mutable_user()->mutable_id()->set_name("app");
  update.set_password(secrets[1]);
  update.mutable_update_mask()->add_paths("password");
  v1::User user;
  ASSERT_EQ(Call<v1::UserService>(agent, &v1::UserService::Stub::Update, update, user).reason,
            "OK");
  v1::EnableRootRequest enable;
  enable.set_password(secrets[2]);
  v1::EnableRootResponse enabled;
  ASSERT_EQ(
      Call<v1::UserService>(agent, &v1::UserService::Stub::EnableRoot, enable, enabled).reason,
      "OK");
  // a call that fails on the server, with a password in it
  v1::CreateUsersRequest create;
  v1::NewUser& again = *create.add_users();
  again.mutable_user()->mutable_id()->set_name("app");
  again.set_password(secrets[0]);
  v1::CreateUsersResponse created;
  ASSERT_EQ(Call<v1::UserService>(agent, &v1::UserService::Stub::Create, create, created).reason,
            "OK");
  EXPECT_TRUE(created.items(0).has_error());
  for (const std::string& secret : secrets)
    EXPECT_EQ(created.DebugString().find(secret), std::string::npos);
  v1::CreateBackupRequest backup;
  v1::Operation operation;
  ASSERT_EQ(
      Call<v1::BackupService>(agent, &v1::BackupService::Stub::Create, backup, operation).reason,
      "OK");
  agent.Finish(operation);

  std::vector<os::Path> looked_at;
  for (const pid_t pid : {agent.pid(), agent.server_pid()}) {
    for (const char* file : {"cmdline", "environ"})
      looked_at.push_back(fmt::format("/proc/{}/{}", pid, file));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent.home())) {
    if (entry.is_regular_file()) looked_at.push_back(entry.path());
  }
  EXPECT_GT(looked_at.size(), 20U);
  for (const os::Path& file : looked_at) {
    const Result<std::string> text = os::ReadFile(file, 1U << 30U);
    if (!text.ok()) continue;  // a server's temporary file that is gone
    for (const std::string& secret : secrets) {
      EXPECT_EQ(text->find(secret), std::string::npos) << "a password stands in " << file;
      EXPECT_EQ(text->find(secret.substr(0, 12)), std::string::npos)
          << "part of a password stands in " << file;
    }
  }
}

}  // namespace
}  // namespace dbagent::tests
