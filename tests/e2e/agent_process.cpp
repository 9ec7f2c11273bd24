#include "tests/e2e/agent_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "agent/os/files.h"
#include "dbagent/v1/error.pb.h"
#include "tests/support/arguments.h"
#include "tests/support/driver_table.h"
#include "tests/support/root_part.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

// A loopback port that nobody has now, below the range that connections take theirs from.
std::uint16_t FreePort() {
  static std::uint16_t next = static_cast<std::uint16_t>(20000 + getpid() * 53 % 10000);
  for (;; ++next) {
    const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(next);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return next++;
  }
}

template <typename Condition>
bool Within(std::chrono::seconds span, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + span;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

AgentProcess::AgentProcess()
    : peers("{user: \"" + std::to_string(geteuid()) + "\", role: admin}"), port_(FreePort()) {
  if (TheArguments().separate) root_directory_ = RootPart::MakeDirectory();
  volume_root = (root_directory_.empty() ? directory_.path() : root_directory_) / "v";
  store_directory = directory_ / "store";
  module_directory = DBAGENT_BINARY_DIR "/datastores";
}

AgentProcess::~AgentProcess() {
  Stop();
  const pid_t server = server_pid();
  if (server > 0) {
    Signal(server, TheTraits().kind == "postgresql" ? SIGINT : SIGTERM);
    if (!Within(std::chrono::seconds(30), [&] { return !Signal(server, 0); }))
      Signal(server, SIGKILL);
  }
  if (!root_directory_.empty()) RootPart::Remove(root_directory_);
}

Result<std::string> AgentProcess::AsServer(const std::string& command) const {
  return TheArguments().separate ? RootPart::AsServer(command)
                                 : RunProgram({"/usr/bin/bash", "-c", command});
}

bool AgentProcess::Signal(pid_t pid, int signal) const {
  return AsServer(fmt::format("kill -{} {}", signal, pid)).ok();
}

bool AgentProcess::HasStaging() const {
  const os::Path staging = volume().generations() / "*" / "tmp" / "dbagent-staging";
  return AsServer("compgen -G '" + staging.native() + "'").ok();
}

// What the helper's unit does on an instance.
void AgentProcess::StartHelper() {
  const os::Path file = directory_ / "tools";
  const Result<std::string> written =
      RunProgram({DBAGENT_BINARY_DIR "/agent/dbagentd", "--settings",
                  (directory_ / "settings.yaml").native(), "--write-tool-table", file});
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  const Result<std::string> table = os::ReadFile(file);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  if (table_ == *table) return;
  RootPart::StartHelper(root_directory_, *table);
  table_ = *table;
}

void AgentProcess::WriteSettings() {
  const ServerTraits& traits = TheTraits();
  std::ofstream file(directory_ / "settings.yaml");
  file << "instance: {volume: " << volume().root().native()
       << ", runtime_directory: " << run_directory().native() << more_instance;
  if (separate()) {
    file << ", mode: separate, user: " << getpwuid(geteuid())->pw_name
         << ", server_user: " << RootPart::ServerUser()
         << ", helper: " << (root_directory_ / "helper.sock").native();
  }
  file << "}\n"
       << "datastore:\n  driver: " << traits.kind
       << "\n  module_directory: " << module_directory.native() << "\n  port: " << port_ << "\n"
       << more_datastore;
  if (!traits.programs.empty()) file << "  programs: " << traits.programs.native() << "\n";
  file << "local: {socket: " << socket().native() << ", peers: [" << peers << "]}\n"
       << "stores: [{name: local, kind: file, path: " << store_directory.native() << "}"
       << more_stores << "]\n"
       << more_settings;
}

// With the settings as they are now; returns when the agent has said what it makes of them.
void AgentProcess::Reload() {
  WriteSettings();
  const std::size_t earlier = log().size();
  kill(pid_, SIGHUP);
  const bool told = Within(std::chrono::seconds(20), [&] {
    const std::string now = log();
    return now.find("agent.reloaded", earlier) != std::string::npos ||
           now.find("agent.reload_refused", earlier) != std::string::npos;
  });
  ASSERT_TRUE(told) << log();
}

void AgentProcess::Launch(const std::map<std::string, std::string>& environment) {
  WriteSettings();
  if (separate()) StartHelper();
  const std::string program = DBAGENT_BINARY_DIR "/agent/dbagentd";
  const std::string settings = directory_ / "settings.yaml";
  const std::string log_path = directory_ / "log";
  std::vector<std::string> variables = {"PATH=/usr/bin:/bin", "ASAN_OPTIONS=abort_on_error=0"};
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  const UniqueFd log_fd(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  pid_ = fork();
  if (pid_ == 0) {
    setsid();  // as a service is
    dup2(log_fd.get(), STDOUT_FILENO);
    dup2(log_fd.get(), STDERR_FILENO);
    execle(program.c_str(), program.c_str(), "--settings", settings.c_str(), nullptr, envp.data());
    _exit(127);
  }
  channel_.reset();
}

void AgentProcess::Start(const std::map<std::string, std::string>& environment) {
  const std::size_t earlier = log().size();
  Launch(environment);
  const bool up = Within(std::chrono::seconds(60), [&] {
    return !running() || log().find("agent.started", earlier) != std::string::npos;
  });
  ASSERT_TRUE(up) << "the agent does not serve: " << log();
}

bool AgentProcess::running() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, &wait_status_, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

bool AgentProcess::WaitForEnd(std::chrono::seconds span) {
  return Within(span, [&] { return !running(); });
}

void AgentProcess::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  ASSERT_TRUE(WaitForEnd());
}

void AgentProcess::Stop() {
  if (!running()) return;
  kill(pid_, SIGTERM);
  if (WaitForEnd(std::chrono::seconds(90))) return;
  ADD_FAILURE() << "the agent did not stop: " << log();
  Kill();
}

std::shared_ptr<grpc::Channel> AgentProcess::channel() {
  if (!channel_) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
                     1);  // a fresh connection, not one of an earlier agent
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
    channel_ = grpc::CreateCustomChannel("unix:" + socket().native(),
                                         grpc::InsecureChannelCredentials(), arguments);
  }
  return channel_;
}

std::string AgentProcess::log() const {
  std::ifstream file(directory_ / "log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

pid_t AgentProcess::server_pid() const {
  for (const os::Path& file :
       {volume().current() / "data" / "postmaster.pid", run_directory() / "mysql.pid"}) {
    const Result<std::string> text =
        TheArguments().separate ? AsServer("cat '" + file.native() + "'") : os::ReadFile(file);
    pid_t found = 0;
    if (text.ok() &&
        std::from_chars(text->data(), text->data() + text->size(), found).ec == std::errc() &&
        (kill(found, 0) == 0 || errno == EPERM))
      return found;
  }
  return 0;
}

v1::Operation AgentProcess::Finish(const v1::Operation& operation) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
  v1::WatchOperationRequest request;
  request.set_id(operation.id());
  const auto stub = v1::OperationService::NewStub(channel());
  const auto stream = stub->Watch(&context, request);
  v1::Operation latest;
  while (stream->Read(&latest)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return latest;
}

v1::Operation AgentProcess::Prepare(const v1::PrepareInstanceRequest& request) {
  v1::PrepareInstanceRequest wanted = request;
  if (wanted.memory_bytes() == 0) wanted.set_memory_bytes(256U << 20U);
  v1::Operation operation;
  const Outcome outcome =
      Call<v1::InstanceService>(*this, &v1::InstanceService::Stub::Prepare, wanted, operation);
  EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
  operation = Finish(operation);
  EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString() << log();
  return operation;
}

v1::Operation AgentProcess::PrepareWithApp(const std::vector<std::string>& databases) {
  v1::PrepareInstanceRequest request;
  request.add_allowed_networks("127.0.0.0/8");
  for (const std::string& name : databases) request.add_databases()->set_name(name);
  v1::NewUser& user = *request.add_users();
  user.mutable_user()->mutable_id()->set_name("app");
  user.set_password("pw");
  v1::DatabaseGrant& grant = *user.add_grants();
  grant.set_database(databases.front());
  grant.set_set(v1::ALL);
  return Prepare(request);
}

void AgentProcess::WaitForRecovery() {
  EXPECT_TRUE(Within(std::chrono::seconds(90), [&] {
    v1::ListOperationsRequest request;
    for (const v1::OperationState state :
         {v1::PENDING, v1::RUNNING, v1::CANCELLING, v1::INTERRUPTED})
      request.add_states(state);
    v1::ListOperationsResponse response;
    return Call<v1::OperationService>(*this, &v1::OperationService::Stub::List, request, response)
               .ok() &&
           response.operations().empty();
  })) << log();
}

v1::Instance AgentProcess::Instance() {
  v1::Instance instance;
  const Outcome outcome = Call<v1::InstanceService>(*this, &v1::InstanceService::Stub::Get,
                                                    google::protobuf::Empty(), instance);
  EXPECT_EQ(outcome.reason, "OK") << outcome.status.error_message();
  return instance;
}

bool AgentProcess::BecomesHealthy() {
  return Within(std::chrono::seconds(30), [&] { return Instance().state() == v1::HEALTHY; });
}

Outcome ToOutcome(const grpc::Status& status) {
  Outcome outcome{status, "OK", ""};
  if (status.ok()) return outcome;
  outcome.reason = "(none)";
  v1::RpcStatus details;
  details.ParseFromString(status.error_details());
  for (const google::protobuf::Any& any : details.details()) {
    v1::ErrorInfo info;
    v1::LocalizedMessage hint;
    if (any.type_url().ends_with("ErrorInfo") && info.ParseFromString(any.value()))
      outcome.reason = info.reason();
    if (any.type_url().ends_with("LocalizedMessage") && hint.ParseFromString(any.value()))
      outcome.hint = hint.message();
  }
  return outcome;
}

}  // namespace dbagent::tests
