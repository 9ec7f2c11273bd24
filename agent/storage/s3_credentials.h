#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/base/url.h"
#include "agent/config/store_settings.h"
#include "agent/net/http_client.h"

namespace dbagent::storage {

struct S3Keys {
  std::string access_key;
  Secret secret_key;
  Secret session_token;              // empty: permanent keys
  std::optional<SteadyTime> expiry;  // of a machine's role
  std::uint64_t generation = 0;      // grows whenever they changed
};

// The keys of a store: from files, systemd credentials or the request, or of the machine's role
// (IMDSv2: a token by PUT, then GET, as in "Use the Instance Metadata Service" of the EC2 User
// Guide; renewed five minutes before they expire). One thread fetches, the others wait for it.
// Threads: any.
class S3Credentials {
 public:
  explicit S3Credentials(const config::S3Settings& settings);

  Result<S3Keys> Get(const OpContext& ctx);
  // The store refused those of this generation: whether there are other ones now (rotated
  // meanwhile).
  Result<bool> Renew(const OpContext& ctx, std::uint64_t refused);

 private:
  Result<S3Keys> Fetch(const OpContext& ctx);
  Result<S3Keys> FetchFromMachine(const OpContext& ctx);
  Result<S3Keys> Refresh(const OpContext& ctx, std::unique_lock<std::mutex>& lock);

  const config::S3Settings settings_;
  std::mutex mutex_;
  std::condition_variable_any fetched_;
  bool fetching_ = false;
  std::optional<S3Keys> keys_;
  const std::unique_ptr<net::HttpClient> metadata_;
};

}  // namespace dbagent::storage
