#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/config/target_rules.h"

namespace dbagent::net {

struct HttpSettings {
  std::filesystem::path ca_file;  // PEM; empty: what the system trusts
  std::string ca_pem{};           // the same as text, in place of the file
  // `http://host:port`; `none`: not even the environment's; empty: http_proxy, https_proxy,
  // no_proxy of the environment, as curl reads them.
  std::string proxy{};
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds stall_timeout{60};  // without at least 1 KiB/s in either direction
  // Wait for the server's word before a body of more than 1 MiB is sent (RFC 9110, 10.1.1).
  bool expect_continue = true;
  // Every request is held against these, and so is the address of a host that is only one of every
  // host: TARGET_NOT_ALLOWED.
  std::optional<config::TargetRules> rules{};
};

struct HttpRequest {
  std::string method{};  // GET, HEAD, PUT, POST, DELETE
  std::string url{};     // sent as it is: encoded, dots and all
  std::vector<std::pair<std::string, std::string>> headers{};
  std::vector<std::pair<std::string, Secret>> secret_headers{};  // tokens; wiped with this
  Bytes body{};  // of PUT and POST; stays the caller's
  // Of a body that comes with 2xx. Of others at most 64 KiB are kept.
  std::size_t response_limit = 1U << 20U;
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::vector<std::byte> body;

  std::string_view header(std::string_view lower_case_name) const;  // empty when there is none
};

// HTTP/1.1 over libcurl, one request at a time in the caller's thread, connections kept and used
// again. TLS 1.2 or newer, certificate and name always checked. No redirect is followed (an
// authorisation must not reach another host), nothing is repeated. (Only when a kept connection
// turns out dead before a byte came back, curl sends the same bytes again on a new one.)
//
// Errors, all redacted: HOST_UNREACHABLE, CONNECTION_LOST (a cut body too), STALLED: retryable;
// TLS_REFUSED, TARGET_NOT_ALLOWED, RESPONSE_TOO_LARGE, and those of a context that stopped. Any
// status of the server is an answer, not an error. A stop is heard at once, also while connecting.
// But a PUT or POST whose last byte was handed over is waited for kLastWord more, since only the
// answer tells what became of it; ANSWER_LOST when none came. A deadline ends it at once.
//
// Threads: any number at once.
class HttpClient {
 public:
  static constexpr std::chrono::seconds kLastWord{10};

  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpResponse> Do(const OpContext& ctx, const HttpRequest& request);

 private:
  class Pool;
  Result<bool> Guarded(const std::string& url) const;

  const HttpSettings settings_;
  const std::unique_ptr<Pool> pool_;
};

}  // namespace dbagent::net
