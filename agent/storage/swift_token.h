#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/config/store_settings.h"
#include "agent/net/http_client.h"
#include "agent/storage/store_answer.h"

namespace dbagent::storage {

struct SwiftToken {
  Secret token;
  std::string storage_url;           // without a `/` at its end
  std::optional<SteadyTime> expiry;  // when Keystone says so
  std::uint64_t generation = 0;      // grows with each new one
};

// Gets tokens: Keystone v3 by password or application credential ("Identity API v3", with the
// catalogue by region and interface), TempAuth v1 (Swift's "Auth System"), or one that was given.
// Secrets are read anew each time. One thread asks, the others wait for it; every wait ends with
// its context. A token is renewed five minutes before it expires, and when the store refuses it.
//
// Errors: CREDENTIALS_REFUSED; STORE_REFUSED (a catalogue without the store); STORE_UNAVAILABLE,
// HOST_UNREACHABLE … (retryable); SECRET_UNREADABLE. Threads: any.
class SwiftTokens {
 public:
  SwiftTokens(const config::SwiftSettings& settings, const net::HttpSettings& http);

  Result<SwiftToken> Get(const OpContext& ctx);
  // The store refused the token of this generation: another one, if it is still the newest. False:
  // there is none (a given one that nobody renewed).
  Result<bool> Renew(const OpContext& ctx, std::uint64_t refused);

 private:
  Result<SwiftToken> Refresh(const OpContext& ctx, std::unique_lock<std::mutex>& lock);
  Result<SwiftToken> Fetch(const OpContext& ctx);
  Result<SwiftToken> FromKeystone(const OpContext& ctx, const std::string& id,
                                  const Secret& secret);
  Result<SwiftToken> FromTempAuth(const OpContext& ctx, const Secret& secret);
  Status NoToken(const net::HttpResponse& answer, const StoreError& error) const;
  Status Refused(const std::string& what) const;

  const config::SwiftSettings settings_;
  net::HttpClient client_;
  std::mutex mutex_;
  std::condition_variable_any fetched_;
  bool fetching_ = false;
  std::optional<SwiftToken> token_;
};

}  // namespace dbagent::storage
