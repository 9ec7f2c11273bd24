#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/url.h"
#include "agent/net/http_client.h"
#include "agent/storage/object_store.h"

namespace dbagent::storage {

// One request to a store, however often it is sent.
struct Call {
  std::string method{};
  std::string key{};  // of the object, with the store's prefix; empty: the bucket or container
  UrlQuery query{};
  std::vector<std::pair<std::string, std::string>> headers{};
  Bytes body{};
  std::string sha256{};     // of the body, where it is known already
  bool of_service = false;  // not of the place: what the service says of itself
  std::size_t response_limit = 1U << 20U;
  std::string doing{};  // `store object 'a/b'`, for messages

  // Of the last attempt; kept by the dialect.
  std::uint64_t credentials = 0;
  bool renewed = false;  // credentials were, for this call
  std::string region{};
  std::int64_t clock_offset = 0;
};

// What an answer means.
enum class Next {
  kDone,     // 2xx, or a 404 or 412 that the caller understands
  kAgain,    // at once: the dialect learnt what was missing
  kRetry,    // after a wait
  kSlower,   // after a wait, and with fewer at a time
  kNoPlace,  // the bucket or container is missing
  kFail,
};
struct Verdict {
  Next next = Next::kDone;
  std::optional<Status> problem;  // unless kDone or kAgain; its message is the cause alone
};

// A part of a listing: keys in any order, and where the next part begins, if there is one.
struct ListPart {
  std::vector<Listed> entries{};
  std::optional<std::string> next{};
};
struct ListAsked {
  std::string prefix{};  // of keys
  std::string after{};   // keys after this one; empty: all
  std::size_t limit = 1000;
  std::string next{};  // what the part before said
};

// How one kind of store speaks HTTP: where an object lies, how a request is authorised, what an
// answer means. HttpStore does the rest. Threads: any.
class Dialect {
 public:
  virtual ~Dialect() = default;

  // `bucket 'b' at 'host:port'`.
  virtual std::string place() const = 0;
  // Request header that keeps a text with an object, and comes back with it.
  virtual std::string_view metadata_header() const = 0;
  virtual std::size_t longest_key() const = 0;
  // An object that was stored may be 404 for a while.
  virtual bool reads_may_lag() const { return false; }

  // Once a call: digests of the body.
  virtual void Seal(Call& call) const = 0;
  // Anew for every attempt: URL, authorisation. May ask for a token, which can fail retryably.
  virtual Result<net::HttpRequest> Authorise(const OpContext& ctx, Call& call) = 0;
  // May ask for new credentials, so that the next attempt has them.
  virtual Verdict Judge(const OpContext& ctx, Call& call, const net::HttpResponse& response) = 0;

  virtual Call ListCall(const ListAsked& asked) const = 0;
  virtual Result<ListPart> ParseListing(const net::HttpResponse& response) const = 0;
  // One request that removes many keys: how many at most, 0 where there is none; its body; the keys
  // that its answer says are still there, nothing when it is no such answer.
  virtual std::size_t most_removed_at_once() const { return 0; }
  virtual Call RemoveManyCall() const { return {}; }
  virtual std::string RemoveManyBody(const std::vector<std::string>&) const { return {}; }
  virtual std::optional<std::vector<std::string>> ParseKept(const net::HttpResponse&) const {
    return std::nullopt;
  }
  // Asks for the service's limits, where it tells them; the largest object, 0 when it does not say.
  virtual std::optional<Call> LimitsCall() const { return std::nullopt; }
  virtual std::uint64_t LargestObject(const net::HttpResponse&) const { return 0; }
  // Makes the bucket or container; nothing when the settings do not allow it.
  virtual std::optional<Call> CreatePlace() const { return std::nullopt; }
};

}  // namespace dbagent::storage
