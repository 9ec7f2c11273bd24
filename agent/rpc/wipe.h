#pragma once

#include "agent/base/secret.h"
#include "agent/workflows/store_target.h"
#include "dbagent/v1/instance.pb.h"
#include "dbagent/v1/user.pb.h"

namespace dbagent::rpc {

// Overwrites the passwords and credentials of a request that was answered.
template <typename Request>
void WipeSecrets(Request& request) {
  if constexpr (requires { request.mutable_users(0)->mutable_password(); }) {
    for (auto& user : *request.mutable_users()) Wipe(*user.mutable_password());
  }
  if constexpr (requires { request.mutable_target()->mutable_credentials(); }) {
    if (request.target().has_credentials())
      workflows::WipeSecrets(*request.mutable_target()->mutable_credentials());
  }
  if constexpr (requires { request.mutable_from_backup()->mutable_target(); }) {
    if (request.from_backup().target().has_credentials())
      workflows::WipeSecrets(
          *request.mutable_from_backup()->mutable_target()->mutable_credentials());
  }
  if constexpr (requires { request.mutable_credentials(); })
    workflows::WipeSecrets(*request.mutable_credentials());
  if constexpr (requires { request.mutable_password(); }) Wipe(*request.mutable_password());
}

}  // namespace dbagent::rpc
