#pragma once

#include <atomic>

#include "agent/config/given_credentials.h"
#include "agent/net/http_client.h"
#include "agent/storage/congestion_gate.h"
#include "agent/storage/dialect.h"
#include "agent/storage/http_store.h"
#include "agent/storage/retry.h"

namespace dbagent::storage {

// Carries calls out: signed anew for each attempt, again where that helps, few at a time where the
// store asks for it. Threads: any.
class StoreRequests {
 public:
  StoreRequests(Dialect& dialect, const HttpStoreSettings& settings);

  // The answer: 2xx, 404 (the place is there, the object is not) or 412. Errors are those of
  // ObjectStore and say what was done where: `unable to store object 'a' in bucket …: HTTP …`.
  Result<net::HttpResponse> Send(const OpContext& ctx, Call call);

  const CongestionGate& gate() const { return gate_; }

 private:
  struct Outcome {
    Verdict verdict;
    net::HttpResponse response;
  };
  Outcome Attempt(const OpContext& ctx, Call& call);
  bool OthersCame(const OpContext& ctx, const Status& problem, std::uint64_t seen) const;
  Status Failed(const Call& call, Status problem) const;
  Result<bool> PlaceIsThere(const OpContext& ctx);

  void ShowLimit() const;

  Dialect& dialect_;
  const std::string name_;
  net::HttpClient client_;
  const RetryPolicy retries_;
  CongestionGate gate_;
  const std::shared_ptr<config::GivenCredentials> given_;  // nothing: they are the settings'
  std::atomic<bool> place_seen_ = false;
};

}  // namespace dbagent::storage
