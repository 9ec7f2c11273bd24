#pragma once

#include <string>

#include "agent/net/http_client.h"
#include "agent/storage/dialect.h"

namespace dbagent::storage {

// What a store said of a request that it did not carry out.
struct StoreError {
  std::string code;        // `SlowDown`; empty when the store has no such words
  std::string message;     // foreign, not yet redacted
  std::string request_id;  // for its operator
};

// `HTTP 503 SlowDown: Please reduce your request rate. (request id …)`, redacted.
std::string Describe(long status, const StoreError& error);

// What a status means where nothing more is known: which are worth another try (408, 409, 425, 429,
// 498, 499, 5xx but 501 and 507), which say that there are too many requests, and the reason of the
// others.
Verdict JudgeStatus(const Call& call, const net::HttpResponse& response, const StoreError& error);

// The text of an answer that may be HTML: without tags, on one line, at most 200 bytes.
std::string PlainText(Bytes body);

}  // namespace dbagent::storage
