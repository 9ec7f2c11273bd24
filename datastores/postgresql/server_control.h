#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresServerControl : public ServerControl {
 public:
  explicit PostgresServerControl(Server& server) : server_(server) {}

  Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) override;
  Status Start(const OpContext& ctx) override;
  Status Stop(const OpContext& ctx) override;
  Status AdoptData(const OpContext& ctx, const os::Generation& generation) override;

 private:
  Status Secure(const OpContext& ctx, const os::Generation& generation);
  // Statements, one a line, by a tool that starts a server in single-user mode.
  Status RunSingleUser(const OpContext& ctx, const char* tool, const os::Generation& generation,
                       const std::string& sql);
  // The server was just started and refuses the agent.
  Status AdoptAndStart(const OpContext& ctx);
  Status AwaitAnswer(const OpContext& ctx, std::uint64_t log_before);
  Status StartFailed(const std::string& why, std::uint64_t log_before) const;

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
