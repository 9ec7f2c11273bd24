#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "agent/base/op_context.h"
#include "agent/os/helper_protocol.h"
#include "agent/os/helper_table.h"
#include "agent/os/separation.h"

namespace dbagent::helper {

// dbagent-helper's work: what stands in its table, for the agent's user, and nothing else. The
// requests are helper_protocol.h's; each is written to the audit (stderr, which is the journal)
// with its outcome. Nothing of a request is used as a path, a program or a user.
//
// Errors of its own: VERB_UNKNOWN, REQUEST_INVALID, DESCRIPTOR_INVALID, HELPER_TABLE_DIFFERS.
// Threads: Serve from any, one per connection.
class Service {
 public:
  // `state`: a directory of root's on this machine's own disk. NO_OS_USER.
  static Result<std::unique_ptr<Service>> Make(const os::HelperTable& table, std::string version,
                                               const os::Path& state);

  // Whether the process on the other side is the agent's user.
  bool IsAgent(int connection) const;
  // One request, to its end. Closes the connection.
  void Serve(UniqueFd connection);
  // Of a helper that runs the server itself: finds the one that it ran before it ended, or starts
  // it again. After a boot that waits for the agent, which looks first at what the volume holds.
  Status FindServer();

 private:
  struct Request {
    os::InstanceHost* host = nullptr;
    const os::ToolTable* table = nullptr;
    std::string instance, verb;
    os::Fields arguments;
    std::vector<UniqueFd> descriptors;
  };

  Service(os::HelperTable table, std::string version, os::Separation users)
      : table_(std::move(table)), version_(std::move(version)), users_(std::move(users)) {}

  std::unique_ptr<os::InstanceHost> MakeHost(const os::HelperTable::Instance& instance,
                                             const os::Path& state, bool scratch) const;
  Result<Request> ReadRequest(int connection);
  Result<os::Fields> Do(Request& request, int connection);
  Status DoPlain(const Request& request, std::uint64_t number, int connection);
  Status RunTool(Request& request, int connection);
  Status StopServer(os::InstanceHost& host, int connection);
  // Ends the tools of all other connections and waits for it.
  Status EndTools();

  const os::HelperTable table_;
  const std::string version_;
  const os::Separation users_;
  std::unique_ptr<os::InstanceHost> main_, scratch_;

  std::mutex mutex_;
  std::condition_variable tools_changed_;
  std::uint64_t next_tool_ = 0;
  std::map<std::uint64_t, std::shared_ptr<StopSwitch>> tools_;  // those that run
};

}  // namespace dbagent::helper
