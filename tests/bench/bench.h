#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {

// Durations of the same thing, in milliseconds.
class Samples {
 public:
  template <typename Call>
  void Time(Call call) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    Add(begin);
  }
  void Add(std::chrono::steady_clock::time_point begin);
  void Merge(const Samples& other) {
    millis_.insert(millis_.end(), other.millis_.begin(), other.millis_.end());
  }
  double Percentile(double share) const;
  double Median() const { return Percentile(0.5); }
  std::string ToString() const;

 private:
  std::vector<double> millis_;
};

// One line of the table. Nothing is asserted about a figure: only what stands side by side,
// measured in one run, means anything.
void Report(const std::string& what, const std::string& ours, const std::string& beside = "");
void Report(const std::string& what, const Samples& ours, const std::string& beside_what,
            const Samples& beside);

// The server with ten databases and ten users that the cases share, prepared at the first call.
AgentProcess& TheAgent();
// Prepares one.
void Prepare(AgentProcess& agent, int databases, int users);
// A session as the agent's own account, over the server's socket.
std::unique_ptr<ClientSession> BareSession(AgentProcess& agent, const std::string& database = "");
// Succeeds, or fails the case and ends it.
ClientSession::Table Ask(ClientSession& session, const std::string& sql);

// What the drivers ask for a page of `limit`, the values in it.
std::string DatabasesStatement(int limit);
std::string UsersStatement(int limit);
int ListDatabases(const std::shared_ptr<grpc::Channel>& channel, int page_size);  // all pages
int ListUsers(const std::shared_ptr<grpc::Channel>& channel, int page_size);

// `VmRSS 20.1 MiB, anonymous 6.0 MiB`
std::string Memory(AgentProcess& agent);

}  // namespace dbagent::tests
