// From exec to the first answered call.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "agent/base/unique_fd.h"
#include "tests/bench/bench.h"

namespace dbagent::tests {
namespace {

constexpr int kRuns = 30;

bool Accepts(const os::Path& socket) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// gRPC's client would wait between two tries longer than a start takes, so the socket is probed.
template <typename FirstCall>
void TimeStart(AgentProcess& agent, Samples& samples, FirstCall call) {
  samples.Time([&] {
    agent.Launch();
    while (!Accepts(agent.socket())) {
      if (!agent.running()) throw std::runtime_error("the agent ended: " + agent.log());
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    call();
  });
}

// What the datastore's program needs to say its version is part of a start: a floor.
Samples VersionCalls() {
  const ServerTraits& traits = TheTraits();
  const os::Path prefix = traits.programs.empty() ? "/usr" : traits.programs;
  os::Path program = prefix / "sbin" / (traits.name == "mariadb" ? "mariadbd" : "mysqld");
  if (traits.kind == "postgresql") {
    program =
        (traits.programs.empty() ? "/usr/lib/postgresql/15/bin" : traits.programs) / "postgres";
  }
  Samples samples;
  for (int i = 0; i < kRuns; ++i) {
    samples.Time(
        [&] { EXPECT_EQ(std::system((program.native() + " --version >/dev/null").c_str()), 0); });
  }
  return samples;
}

TEST(Bench, StartOfAFreshVolume) {
  Samples samples;
  for (int i = 0; i < kRuns; ++i) {
    AgentProcess agent;
    TimeStart(agent, samples, [&] { agent.Instance(); });
  }
  Report("start, fresh volume, to the first Instance.Get", samples,
         "the server's program with --version", VersionCalls());
}

TEST(Bench, StartBesideARunningServer) {
  AgentProcess& agent = TheAgent();
  Samples get, list;
  for (int i = 0; i < kRuns; ++i) {
    agent.Stop();
    TimeStart(agent, get, [&] { agent.Instance(); });
    agent.Stop();
    TimeStart(agent, list, [&] { ListDatabases(agent.channel(), 100); });
  }
  Report("start, prepared and running, to Instance.Get", get.ToString());
  Report("start, prepared and running, to Database.List", list.ToString());
}

}  // namespace
}  // namespace dbagent::tests
