#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresServerControl : public ServerControl {
 public:
  explicit PostgresServerControl(Server& server) : server_(server) {}

  Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) override;
  Status Start(const OpContext& ctx) override;
  Status Stop(const OpContext& ctx) override;

 private:
  Status Secure(const OpContext& ctx, const std::map<std::string, std::string>& parameters);
  Status AwaitAnswer(const OpContext& ctx, std::uintmax_t log_before);
  Status StartFailed(const std::string& why, std::uintmax_t log_before) const;

  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
