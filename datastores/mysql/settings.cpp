#include "datastores/mysql/check.h"
#include "datastores/mysql/describe.h"
#include "datastores/mysql/parameter_names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/set_live.h"
#include "datastores/mysql/values.h"

namespace dbagent::datastore::mysql {
namespace {

class Settings : public SettingsAdmin {
 public:
  explicit Settings(Server& server) : server_(server), describer_(server) {}

  Result<Description> Describe(const OpContext& ctx) override { return describer_.Describe(ctx); }
  std::string CanonicalName(const std::string& written) const override {
    return CanonicalParameterName(server_.dialect, written);
  }
  Result<std::string> CanonicalValue(const Parameter& parameter,
                                     const std::string& written) const override {
    return CanonicalParameterValue(parameter, written);
  }
  Result<std::vector<Violation>> Check(const OpContext& ctx, const Description& description,
                                       const ConfigurationSet& set) override {
    return CheckSet(server_, ctx, description, set);
  }
  Result<Values> SetLive(const OpContext& ctx, const std::vector<LiveChange>& changes) override {
    ASSIGN_OR_RETURN(const Description description, describer_.Describe(ctx));
    return mysql::SetLive(server_, ctx, description, changes);
  }

 private:
  Server& server_;
  Describer describer_;
};

}  // namespace

std::unique_ptr<SettingsAdmin> MakeSettingsAdmin(Server& server) {
  return std::make_unique<Settings>(server);
}

}  // namespace dbagent::datastore::mysql
