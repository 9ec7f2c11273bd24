#pragma once

#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/config/store_settings.h"
#include "dbagent/v1/store.pb.h"

// Object stores that requests bring with them.
namespace dbagent::workflows {

// Where the store is, and how it is opened. TARGET_INVALID with all that is wrong;
// TARGET_NOT_ALLOWED. With these credentials, or with the target's.
Result<config::StoreSettings> ToStoreSettings(
    const v1::StoreTarget& target, const config::TargetRules& rules,
    std::optional<config::StoreCredentials> credentials = std::nullopt);
// TARGET_INVALID when they cannot be this store's; `field` names them in messages.
Result<config::StoreCredentials> ToCredentials(const v1::StoreCredentials& credentials,
                                               const v1::StoreTarget& target,
                                               const std::string& field);
// `s3://bucket/prefix`, `swift://container/prefix`.
std::string NameOf(const v1::StoreTarget& target);

// Overwrites the secrets.
void WipeSecrets(v1::StoreCredentials& credentials);

// What may be kept and compared: the same whatever the credentials.
template <typename Request>
Request WithoutCredentials(const Request& request) {
  Request copy = request;
  if (copy.has_target() && copy.target().has_credentials()) {
    WipeSecrets(*copy.mutable_target()->mutable_credentials());
    copy.mutable_target()->clear_credentials();
  }
  return copy;
}

}  // namespace dbagent::workflows
