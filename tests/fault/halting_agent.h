#pragma once

#include <future>
#include <set>

#include "tests/e2e/agent_process.h"

namespace dbagent::tests {

// Whether everything is to be tried, or (tests/run without --all) only what fits into a minute or
// two.
bool Thorough();

// A prepared agent with a database `keep` of a few megabytes, that halts at the kill point that it
// is told.
class HaltingAgent {
 public:
  AgentProcess agent;

  void Start();  // again, after it was killed
  void Prepare();
  bool HasCapability(const std::string& name);

  // The kill points that `call` passes, in order; `name 2`: for the second time.
  std::vector<std::string> PointsOf(const std::function<void()>& call);

  // `point` as PointsOf names it. `verb` is `stop` or `hold` (agent/base/kill_point.h); for the
  // next time it comes there.
  void Ask(const std::string& verb, const std::string& point);
  // Whether it stands there, at most `span` later. A process that was told to stop has stopped.
  bool StandsThere(std::chrono::seconds span = std::chrono::seconds(30));
  void GoOn();  // from where it stands; takes back what it was asked otherwise

  // ---- calls; what does not succeed fails the test
  v1::Operation NewestOf(const std::string& kind);
  v1::Operation Backup(bool physical, const std::string& database = "keep");
  v1::Operation BeginBackup(bool physical, const std::string& database = "keep");
  v1::Operation BeginRestore(const std::string& backup, const std::string& as);
  v1::Operation BeginRestoreServer(const std::string& backup);
  v1::Operation BeginDelete(const std::string& backup);
  v1::Operation Verify(const std::string& backup);
  bool Exists(const std::string& database);
  void Create(const std::string& database);
  void Drop(const std::string& database);
  std::vector<std::string> Backups();  // ids
  ClientSession::Table Contents();     // of `keep`, in short

  // ---- what is there
  pid_t ServerPid();  // of the agent's own record; 0: it should not run, or does not
  std::vector<pid_t> Tools();
  // Everything that nobody should find when no operation runs: processes, records, slots, markers,
  // generations, roles.
  void ExpectNothingLeft();
  std::size_t Manifests();

 private:
  os::Path Control() const { return agent.home() / "control"; }
  bool stopping_ = false;
};

}  // namespace dbagent::tests
