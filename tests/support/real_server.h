#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/os/direct_host.h"
#include "agent/os/helper_table.h"
#include "datastores/datastore.h"
#include "tests/support/server_traits.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {

// A real server under a direct host in a directory of its own: prepared as an instance is, and
// stopped at the end. The suites of a program share one (TheServer); a test that needs an
// unprepared one makes its own.
class RealServer {
 public:
  // `agent`: the name of the agent's account, when it is to be another than this OS user's: of an
  // agent that was there before. It cannot log in then.
  explicit RealServer(const std::string& agent = "") : RealServer(agent, false) {}
  // With --separate: a server in direct mode, on a volume that BecomeSeparate can take over.
  static std::unique_ptr<RealServer> InDirectMode() {
    return std::unique_ptr<RealServer>(new RealServer("", true));
  }
  ~RealServer();  // stops the server
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  // While no server runs; the configuration is to be written anew.
  void BecomeSeparate();

  // Configure, MakeGeneration, Initialise, switch, Start.
  Status Prepare();
  Status PrepareFiles();  // without Start
  void BecomeThisUser();  // as an agent with the name of this OS user would find it

  const ServerTraits& traits() const { return traits_; }
  const datastore::ServerSettings& settings() const { return settings_; }
  datastore::Datastore& store() { return *store_; }
  os::InstanceHost& host() { return *host_; }
  const TempDir& directory() const { return directory_; }
  datastore::ConfigurationSet SmallSet();
  // Writes and selects a set; the server is not told. With traits().hurry in the entry file.
  Status Configure(std::uint64_t number, const datastore::ConfigurationSet& set);

  Result<std::unique_ptr<ClientSession>> LogIn(const Login& login) const {
    return traits_.log_in(settings_.port, login);
  }
  // A host for a scratch server beside this one, with these of its settings and tools.
  std::unique_ptr<os::InstanceHost> MakeScratchHost() const;

  // With the rights of the server's OS user, which is this process's own unless --separate.
  // `bash -c COMMAND`; what it writes to stdout. TOOL_FAILED.
  Result<std::string> AsServer(const std::string& command) const;
  Status PutFile(const os::Path& path, const std::string& text) const;
  bool Sees(const os::Path& path) const;
  Status Signal(pid_t pid, int signal) const;

  // Whether the server reaches `state` within `span`.
  bool Reaches(datastore::HealthState state, std::chrono::seconds span);

 private:
  RealServer(const std::string& agent, bool direct);
  void OpenHost();
  os::HelperTable Table() const;

  TempDir directory_;
  os::Path root_directory_, helper_socket_;  // with --separate
  const ServerTraits& traits_;
  datastore::DatastoreInfo info_;
  datastore::ServerSettings settings_;
  std::unique_ptr<datastore::Driver> driver_;
  std::unique_ptr<os::InstanceHost> host_;
  std::unique_ptr<datastore::Datastore> store_;
};

// Prepared at the first call; a failure ends the program.
RealServer& TheServer();
void EndTheServer();

}  // namespace dbagent::tests
