// Lists beside the bare statement in the same process, taken in turn.
#include <gtest/gtest.h>

#include <thread>

#include "agent/os/files.h"
#include "tests/bench/bench.h"

namespace dbagent::tests {
namespace {

constexpr int kCalls = 2000, kWarmUp = 200;

// The agent again, listening with mutual TLS too.
std::shared_ptr<grpc::Channel> TlsChannel(AgentProcess& agent, const TempDir& certificates) {
  const std::string folder = certificates.path().native();
  if (std::system((DBAGENT_SOURCE_DIR "/tests/support/make_certificates " + folder).c_str()) != 0)
    throw std::runtime_error("no certificates");
  AgentProcess other;  // for a port of its own
  agent.Stop();
  agent.more_settings = fmt::format(
      "remote:\n  listen: 127.0.0.1:{0}\n  certificate: {1}/agent.crt\n  key: {1}/agent.key\n  "
      "client_ca: {1}/ca.crt\n  peers: [{{san: controller.test, role: viewer}}]\n",
      other.port(), folder);
  agent.Start();
  const auto read = [&](const char* name) { return *os::ReadFile(certificates / name); };
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("agent.test");
  return grpc::CreateCustomChannel(
      fmt::format("127.0.0.1:{}", other.port()),
      grpc::SslCredentials({read("ca.crt"), read("controller.key"), read("controller.crt")}),
      arguments);
}

TEST(Bench, Lists) {
  AgentProcess& agent = TheAgent();
  const TempDir certificates;
  const auto tls = TlsChannel(agent, certificates);
  agent.BecomesHealthy();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  Report("memory, idle after start", Memory(agent));
  const auto session = BareSession(agent);
  using List = int (*)(const std::shared_ptr<grpc::Channel>&, int);
  const auto measure = [&](const std::string& what, List list, const std::string& statement) {
    Samples local, remote, bare;
    for (int i = -kWarmUp; i < kCalls; ++i) {
      Samples unused;
      (i < 0 ? unused : local).Time([&] { list(agent.channel(), 100); });
      (i < 0 ? unused : remote).Time([&] { list(tls, 100); });
      (i < 0 ? unused : bare).Time([&] { Ask(*session, statement); });
    }
    Report(what + " of 10, local socket", local, "bare statement", bare);
    Report(what + " of 10, TCP with mutual TLS", remote, "bare statement", bare);
  };
  measure("Database.List", ListDatabases, DatabasesStatement(101));
  measure("User.List", ListUsers, UsersStatement(101));
  Report(fmt::format("memory, after {} calls", 4 * (kCalls + kWarmUp)), Memory(agent));
}

TEST(Bench, LongLists) {
  const bool postgresql = TheTraits().kind == "postgresql";
  const int databases = postgresql ? 1000 : 10000, users = 10000;
  AgentProcess agent;
  agent.Start();
  Prepare(agent, 0, 0);
  const auto session = BareSession(agent);
  // to make them sooner
  if (postgresql) {
    Ask(*session, "ALTER SYSTEM SET fsync = off");
    Ask(*session, "SELECT pg_reload_conf()");
  } else {
    Ask(*session, "SET GLOBAL innodb_flush_log_at_trx_commit = 0");
    Ask(*session, "SET GLOBAL sync_binlog = 0");
    Ask(*session, "SET SESSION sql_log_bin = 0");
  }
  for (int i = 0; i < databases; ++i) {
    Ask(*session,
        fmt::format("CREATE DATABASE many{:05}{}", i, postgresql ? " STRATEGY file_copy" : ""));
  }
  for (const std::string& sql : TheTraits().make_many_users("many", users)) Ask(*session, sql);
  using List = int (*)(const std::shared_ptr<grpc::Channel>&, int);
  const auto measure = [&](const std::string& what, int count, List list, auto statement) {
    Samples all, bare, first, bare_first;
    for (int i = 0; i < 5; ++i) {
      all.Time([&] { EXPECT_EQ(list(agent.channel(), 1000), count); });
      bare.Time([&] { Ask(*session, statement(1000000)); });
      bare_first.Time([&] { Ask(*session, statement(1001)); });
    }
    Report(fmt::format("{}, {} in pages of 1000", what, count), all, "bare, all at once", bare);
    Report("", "", fmt::format("         bare, the first page: {}", bare_first.ToString()));
  };
  measure("Database.List", databases, ListDatabases, DatabasesStatement);
  measure("User.List", users, ListUsers, UsersStatement);
  Report("memory, after long lists", Memory(agent));
}

}  // namespace
}  // namespace dbagent::tests
