#include "tests/bench/bench.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "datastores/mysql/versions.h"

namespace dbagent::tests {
namespace {

using v1::DatabaseService;
using v1::UserService;

AgentProcess* the_agent = nullptr;

class EndTheAgent : public testing::Environment {
  void TearDown() override { delete the_agent; }
};
[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new EndTheAgent);

bool IsMysql() {
  return TheTraits().kind == "mysql";
}

template <typename Service, typename Request, typename Response, typename Items>
int CountAll(const std::shared_ptr<grpc::Channel>& channel,
             grpc::Status (Service::Stub::*list)(grpc::ClientContext*, const Request&, Response*),
             int page_size, Items items) {
  const auto stub = Service::NewStub(channel);
  Request request;
  request.mutable_page()->set_page_size(page_size);
  int count = 0;
  for (;;) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    Response response;
    const grpc::Status status = (stub.get()->*list)(&context, request, &response);
    if (!status.ok()) throw std::runtime_error(status.error_message());  // fails the case
    count += items(response);
    if (response.page().next_page_token().empty()) return count;
    request.mutable_page()->set_page_token(response.page().next_page_token());
  }
}

// In KiB.
double StatusFigure(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; file >> word;) {
    double figure = 0;
    if (word == key + ":" && file >> figure) return figure;
  }
  return 0;
}

}  // namespace

void Samples::Add(std::chrono::steady_clock::time_point begin) {
  millis_.push_back(
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
}

double Samples::Percentile(double share) const {
  std::vector<double> sorted = millis_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted.empty() ? 0 : sorted[std::min(at, sorted.size() - 1)];
}

std::string Samples::ToString() const {
  if (millis_.size() < 20) return fmt::format("{:.3f} s", Median() / 1000);
  return fmt::format("p50 {:.2f} ms, p99 {:.2f} ms", Median(), Percentile(0.99));
}

void Report(const std::string& what, const std::string& ours, const std::string& beside) {
  fmt::print("{:<11} {:<50} {:<34} {}\n", TheTraits().name, what, ours, beside);
  std::fflush(stdout);
}

void Report(const std::string& what, const Samples& ours, const std::string& beside_what,
            const Samples& beside) {
  Report(what, ours.ToString(),
         fmt::format("x {:<6.2f} {}: {}", ours.Median() / beside.Median(), beside_what,
                     beside.ToString()));
}

AgentProcess& TheAgent() {
  if (the_agent == nullptr) {
    the_agent = new AgentProcess;
    the_agent->Start();
    Prepare(*the_agent, 10, 10);
  }
  return *the_agent;
}

void Prepare(AgentProcess& agent, int databases, int users) {
  v1::PrepareInstanceRequest request;
  request.set_memory_bytes(1ULL << 30U);
  for (int i = 0; i < databases; ++i) request.add_databases()->set_name(fmt::format("db{:05}", i));
  for (int i = 0; i < users; ++i) {
    v1::NewUser& user = *request.add_users();
    user.mutable_user()->mutable_id()->set_name(fmt::format("user{:05}", i));
    user.set_password("a password");
  }
  agent.Prepare(request);
}

std::unique_ptr<ClientSession> BareSession(AgentProcess& agent, const std::string& database) {
  Login login;
  login.user = getpwuid(geteuid())->pw_name;
  login.database = database;
  login.socket = agent.run_directory() / (IsMysql() ? "mysql.sock" : "");
  auto session = TheTraits().log_in(agent.port(), login);
  if (!session.ok()) throw std::runtime_error(session.status().FullMessage());
  return *std::move(session);
}

ClientSession::Table Ask(ClientSession& session, const std::string& sql) {
  auto answer = session.Query(sql);
  if (!answer.ok()) throw std::runtime_error(answer.status().FullMessage());
  return *std::move(answer);
}

std::string DatabasesStatement(int limit) {
  if (IsMysql()) {
    return fmt::format(
        "SELECT schema_name, default_character_set_name, default_collation_name FROM "
        "information_schema.schemata WHERE CAST(schema_name AS BINARY) > '' ORDER BY "
        "CAST(schema_name AS BINARY) LIMIT {}",
        limit);
  }
  return fmt::format(
      "SELECT d.datname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, r.rolname, "
      "d.datconnlimit, NULL FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba "
      "WHERE d.datname NOT IN ('postgres', 'template0', 'template1') "
      "ORDER BY d.datname::text COLLATE \"C\" LIMIT {}",
      limit);
}

std::string UsersStatement(int limit) {
  if (IsMysql()) {
    const datastore::mysql::Dialect dialect({"mysql", TheTraits().product, "", 0});
    return fmt::format("{} ORDER BY CAST(User AS BINARY), CAST(Host AS BINARY) LIMIT {}",
                       dialect.AccountsQuery(), limit);
  }
  return fmt::format(
      "SELECT u.rolname, u.rolcanlogin, u.rolinherit, u.rolcreatedb, u.rolcreaterole, "
      "u.rolconnlimit, u.rolvaliduntil, (SELECT string_agg(g.rolname::text, ' ') FROM "
      "pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = u.oid) "
      "FROM pg_authid u WHERE NOT starts_with(u.rolname, 'pg_') "
      "ORDER BY u.rolname::text COLLATE \"C\" LIMIT {}",
      limit);
}

int ListDatabases(const std::shared_ptr<grpc::Channel>& channel, int page_size) {
  return CountAll<DatabaseService>(
      channel, &DatabaseService::Stub::List, page_size,
      [](const v1::ListDatabasesResponse& page) { return page.databases_size(); });
}

int ListUsers(const std::shared_ptr<grpc::Channel>& channel, int page_size) {
  return CountAll<UserService>(channel, &UserService::Stub::List, page_size,
                               [](const v1::ListUsersResponse& page) { return page.users_size(); });
}

std::string Memory(AgentProcess& agent) {
  return fmt::format("VmRSS {:.1f} MiB, anonymous {:.1f} MiB",
                     StatusFigure(agent.pid(), "VmRSS") / 1024,
                     StatusFigure(agent.pid(), "RssAnon") / 1024);
}

}  // namespace dbagent::tests
