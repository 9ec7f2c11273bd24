#pragma once

#include "agent/storage/dialect.h"
#include "agent/storage/store_answer.h"

namespace dbagent::storage {

// S3's XML (Amazon S3 API Reference: "Error Responses", "ListObjectsV2",
// "DeleteObjects"). Answers come bounded from
// the HTTP client; entities of a DTD are not expanded.
struct S3Error : StoreError {
  std::string region;  // the right one, where the store tells it
};
// Also of an answer that has no body (of HEAD): then only the request id.
S3Error ParseS3Error(const net::HttpResponse& response);
// STORE_UNAVAILABLE when it is no listing: something else answered.
Result<ListPart> ParseS3Listing(const net::HttpResponse& response);

// The body of DeleteObjects, which answers only what it did not remove.
std::string S3DeleteBody(const std::vector<std::string>& keys);
// Which those are; nothing when the answer is none of DeleteObjects.
std::optional<std::vector<std::string>> ParseS3Kept(const net::HttpResponse& response);

}  // namespace dbagent::storage
