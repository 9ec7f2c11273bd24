#pragma once

#include <memory>

#include "agent/config/given_credentials.h"
#include "agent/storage/dialect.h"
#include "agent/storage/retry.h"

namespace dbagent::storage {

struct HttpStoreSettings {
  net::HttpSettings http;
  RetryPolicy retries;
  unsigned connections = 16;  // requests at a time, at most
  std::string prefix;         // of all keys; empty or ends in `/`
  // Of a request: when the store refuses them, its operation waits for renewed ones as long as it
  // would for a store that is away.
  std::shared_ptr<config::GivenCredentials> given{};
  std::string name;  // in metrics
};

// An ObjectStore over HTTP. What every such store needs is here: retries from the caller's buffer,
// fewer requests at a time when the store asks for it, Put that never replaces, listings in order.
//
// Put sends `If-None-Match: *` and, as metadata, an id of its own: when an answer was lost and the
// next attempt finds the object there, the id tells whether it is this Put's. Whether the store
// heeds the condition is tried once, with an object of its own at the first Put
// (`.dbagent-probe-…`, removed at once, never listed). On a store that does not, Put looks first
// and then stores: of several at once the last one wins, so names must be unique there (those of
// backups are).
std::unique_ptr<ObjectStore> MakeHttpStore(std::unique_ptr<Dialect> dialect,
                                           HttpStoreSettings settings);

}  // namespace dbagent::storage
