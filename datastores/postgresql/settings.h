#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

class PostgresSettings : public SettingsAdmin {
 public:
  explicit PostgresSettings(Server& server) : server_(server) {}

  Result<Description> Describe(const OpContext& ctx) override;
  std::string CanonicalName(const std::string& written) const override;
  Result<std::string> CanonicalValue(const Parameter& parameter,
                                     const std::string& written) const override;
  Result<std::vector<Violation>> Check(const OpContext& ctx, const Description& description,
                                       const ConfigurationSet& set) override;
  Result<Values> SetLive(const OpContext& ctx, const std::vector<LiveChange>& changes) override;

 private:
  Server& server_;
};

}  // namespace dbagent::datastore::postgresql
