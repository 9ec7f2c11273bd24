#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/secret.h"
#include "agent/base/url.h"

namespace dbagent::storage {

// What AWS Signature Version 4 signs. Source: "Authenticating Requests: Using the Authorization
// Header (AWS Signature Version 4)" of the Amazon S3 API Reference.
//
// libcurl could sign, but 7.88 signs with its own clock (a skewed one cannot be corrected), signs
// an Expect header that it does not send as signed, and leaves sorting and encoding to the caller.
// What is left to write is this.
struct SignatureInput {
  std::string method{};
  std::string path{};  // encoded, begins with `/`
  UrlQuery query{};
  std::vector<std::pair<std::string, std::string>> headers{};  // all that are signed, Host too
  std::string payload_digest{};                                // SHA-256 of the body, hexadecimal
  std::string time{};                                          // 20130524T000000Z
  std::string region{}, service = "s3";
};

// `20130524T000000Z`, as x-amz-date and the signature want it.
std::string SignatureTime(std::chrono::system_clock::time_point time);

// For tests: the text whose SHA-256 is signed.
std::string CanonicalRequest(const SignatureInput& input);
// The value of the Authorization header.
std::string Authorization(const SignatureInput& input, const std::string& access_key,
                          const Secret& secret_key);

}  // namespace dbagent::storage
