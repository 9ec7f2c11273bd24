#pragma once

#include "datastores/postgresql/server.h"

// The configuration's files (README, section Configuration). Threads: any.
namespace dbagent::datastore::postgresql {

class PostgresLayers : public ConfigurationLayers {
 public:
  explicit PostgresLayers(Server& server) : server_(server) {}

  Values Template(const Flavor& flavor) const override;
  Result<Values> System(const ConfigurationSet& set) const override;
  Result<RenderedSet> Render(const ConfigurationSet& set, std::uint64_t number) const override;
  Status TryStart(const OpContext& ctx, std::uint64_t number) override;

 private:
  Server& server_;
};

// The texts of a set. CONFIGURATION_INVALID. Pure.
Result<RenderedSet> RenderSet(const ServerSettings& settings, const ConfigurationSet& set,
                              std::uint64_t number);

}  // namespace dbagent::datastore::postgresql
