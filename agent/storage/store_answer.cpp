#include "agent/storage/store_answer.h"

#include "agent/base/redact.h"

namespace dbagent::storage {
namespace {

Status Unavailable(const std::string& what) {
  return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "{}", what).AsRetryable();
}

}  // namespace

std::string Describe(long status, const StoreError& error) {
  std::string text = fmt::format("HTTP {}", status);
  if (!error.code.empty()) text += " " + error.code;
  if (!error.message.empty()) text += ": " + error.message;
  if (!error.request_id.empty()) text += fmt::format(" (request id {})", error.request_id);
  return Redact(text);
}

Verdict JudgeStatus(const Call& call, const net::HttpResponse& response, const StoreError& error) {
  const long status = response.status;
  const std::string what = Describe(status, error);
  if (status >= 200 && status < 300) {
    // without either its end cannot be told from a connection that broke
    const bool framed = call.method != "GET" || !response.header("content-length").empty() ||
                        !response.header("transfer-encoding").empty();
    if (framed) return {};
    return {Next::kRetry, Unavailable("its answer does not say how long it is")};
  }
  switch (status) {
    case 404:
    case 412:
      return {};
    case 429:
    case 498:  // Swift's rate limit
    case 503:
      return {Next::kSlower, Unavailable(what)};
    case 408:
    case 409:
    case 425:
    case 499:
      return {Next::kRetry, Unavailable(what)};
    case 401:
      return {Next::kFail,
              Error(Code::kUnauthenticated, "CREDENTIALS_REFUSED", "{}", what)
                  .WithHint("check the store's credentials; a secret's file is read again at the "
                            "next request")};
    case 403:
      return {Next::kFail,
              Error(Code::kPermissionDenied, "PERMISSION_DENIED", "{}", what)
                  .WithHint("the store knows the credentials but does not allow them this")};
    case 413:
    case 507:
      return {Next::kFail, Error(Code::kResourceExhausted, "NO_SPACE", "{}", what)
                               .WithHint("free space on the store, or have its quota raised")};
    default:
      break;
  }
  if (status >= 500 && status != 501) return {Next::kRetry, Unavailable(what)};
  if (status >= 300 && status < 400) {
    return {Next::kFail,
            Error(Code::kFailedPrecondition, "STORE_REDIRECTS", "{}; it is not followed", what)
                .WithHint("set the store's address to where it really is")};
  }
  return {Next::kFail, Error(Code::kFailedPrecondition, "STORE_REFUSED", "{}", what)};
}

std::string PlainText(Bytes body) {
  constexpr std::size_t kMost = 200;
  std::string text;
  bool in_tag = false;
  for (const char c : AsText(body)) {
    if (c == '<') {
      in_tag = true;
      if (!text.empty() && text.back() != ' ') text += ' ';
    } else if (c == '>') {
      in_tag = false;
    } else if (!in_tag) {
      const bool space = static_cast<unsigned char>(c) <= ' ';
      if (!space) text += c;
      if (space && !text.empty() && text.back() != ' ') text += ' ';
    }
    if (text.size() >= kMost) break;
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace dbagent::storage
