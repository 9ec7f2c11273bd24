#pragma once

#include <optional>
#include <string>

#include "agent/base/bytes.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/config/store_settings.h"

// Keystone's "Identity API v3": POST /v3/auth/tokens. Texts only; SwiftTokens sends them.
namespace dbagent::storage {

// The body of the request: wiped when it goes, since the secret is in it. `id` is the application
// credential's, when it is one.
Secret KeystoneRequest(const config::SwiftSettings& settings, const std::string& id,
                       const Secret& secret);

struct KeystoneAnswer {
  std::string storage_url;
  std::optional<SteadyTime> expiry;
};
// The store's address out of the catalogue, by region and interface (unless settings have one), and
// when the token expires. STORE_REFUSED when the catalogue does not have it; says what it has.
Result<KeystoneAnswer> ParseKeystoneAnswer(const config::SwiftSettings& settings, Bytes body);
// `The request you have made requires authentication.`, not yet redacted; empty when it is not
// Keystone's.
std::string KeystoneError(Bytes body);

}  // namespace dbagent::storage
