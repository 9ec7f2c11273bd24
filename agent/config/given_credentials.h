#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "agent/base/op_context.h"
#include "agent/base/secret.h"

namespace dbagent::config {

// What opens a store: of S3 the access key, the secret key and, of temporary keys, a session token;
// of Swift a secret (password, key or token) and, of an application credential, its id.
struct StoreCredentials {
  std::string id;  // no secret
  Secret secret;
  Secret session_token;
};

// Credentials that came with a request. They can be renewed while its operation runs, all of them
// at once. Memory only. Threads: any.
class GivenCredentials {
 public:
  explicit GivenCredentials(StoreCredentials values) : values_(std::move(values)) {}

  void Renew(StoreCredentials values);
  StoreCredentials Read() const;
  // How often they were renewed.
  std::uint64_t renewals() const;

  // The store refused those that were there after `seen` renewals: whether there are others within
  // `span`. False at once when nobody waits any more, or nobody can renew them (the work of ctx has
  // no operation).
  bool WaitForRenewal(const OpContext& ctx, std::uint64_t seen, std::chrono::milliseconds span);
  // From now on refused credentials are an error at once.
  void EndWaiting();

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  StoreCredentials values_;
  std::uint64_t renewals_ = 0;
  bool waiting_ = true;
};

}  // namespace dbagent::config
