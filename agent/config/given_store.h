#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/store_settings.h"
#include "agent/config/target_rules.h"

namespace dbagent::config {

// A store as a request describes it: keys and values of the settings file's stores, those that are
// set, without secrets.
struct GivenStore {
  using Keys = std::vector<std::pair<std::string, std::string>>;
  std::string kind;  // `s3`, `swift`; else it is missing
  Keys common;       // prefix, retry_budget
  Keys own;          // of its kind
  std::string ca_certificate;
  StoreCredentials credentials;
  std::string credentials_kind;  // as `kind`
};

// Read by the checks of the settings file, whose texts name the request's fields
// (`'target.s3.endpoint' is missing`); everything that is wrong is told at once. TARGET_INVALID;
// TARGET_NOT_ALLOWED.
Result<StoreSettings> ReadGivenStore(const GivenStore& given, const TargetRules& rules);

// Whether these can be credentials of this store: TARGET_INVALID otherwise. `field` names them in
// messages: `target.credentials`.
Status CheckCredentials(const StoreSettings& store, const std::string& credentials_kind,
                        const StoreCredentials& credentials, const std::string& field);

}  // namespace dbagent::config
