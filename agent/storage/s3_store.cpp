#include "agent/storage/s3_store.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "agent/net/http_date.h"
#include "agent/storage/md5.h"
#include "agent/storage/s3_answer.h"
#include "agent/storage/s3_credentials.h"
#include "agent/storage/s3_signature.h"
#include "agent/stream/sha256.h"

namespace dbagent::storage {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::string_view kDigest = "x-amz-content-sha256", kMd5 = "content-md5";
// By one DeleteObjects, which takes up to 1000: some stores remove one after the other before they
// answer, and a request that is silent for long is given up.
constexpr std::size_t kMostRemoved = 200;

bool IsPathStyle(const config::S3Settings& settings, const Origin& origin) {
  if (settings.addressing != "auto") return settings.addressing == "path";
  // in a dotted bucket's name no wildcard certificate fits; only Amazon surely has the DNS names
  return settings.bucket.find('.') != std::string::npos ||
         origin.host.find(".amazonaws.com") == std::string::npos;
}

class S3Dialect : public Dialect {
 public:
  S3Dialect(const config::S3Settings& settings, Origin origin)
      : settings_(settings),
        origin_(std::move(origin)),
        path_style_(IsPathStyle(settings, origin_)),
        credentials_(settings),
        region_(settings.region) {}

  std::string place() const override {
    return fmt::format("bucket '{}' at '{}'", settings_.bucket, origin_.authority());
  }
  std::string_view metadata_header() const override { return "x-amz-meta-dbagent-put"; }
  std::size_t longest_key() const override { return 1024; }

  void Seal(Call& call) const override {
    call.headers.emplace_back(kDigest,
                              call.sha256.empty() ? stream::Sha256Hex(call.body) : call.sha256);
    if (call.method == "POST") call.headers.emplace_back(kMd5, Md5Base64(call.body));
  }

  Result<net::HttpRequest> Authorise(const OpContext& ctx, Call& call) override {
    ASSIGN_OR_RETURN(const S3Keys keys, credentials_.Get(ctx));
    call.credentials = keys.generation;
    if (wants_md5_ && call.method == "PUT" && !HasMd5(call))
      call.headers.emplace_back(kMd5, Md5Base64(call.body));
    SignatureInput input{.method = call.method, .query = call.query, .headers = call.headers};
    std::string host = origin_.authority();
    input.path = origin_.path;
    if (path_style_) {
      input.path += "/" + PercentEncode(settings_.bucket);
      if (!call.key.empty()) input.path += "/" + PercentEncode(call.key, true);
    } else {
      host = origin_.authority(settings_.bucket);
      input.path += "/" + PercentEncode(call.key, true);
    }
    call.clock_offset = clock_offset_;
    {
      const std::lock_guard lock(mutex_);
      call.region = region_;
    }
    input.time = SignatureTime(system_clock::now() + seconds(call.clock_offset));
    input.region = call.region;
    for (const auto& [name, value] : call.headers) {
      if (name == kDigest) input.payload_digest = value;
    }
    input.headers.emplace_back("host", host);
    input.headers.emplace_back("x-amz-date", input.time);
    net::HttpRequest request{.method = call.method,
                             .url = origin_.scheme + "://" + host + input.path,
                             .headers = input.headers,
                             .body = call.body,
                             .response_limit = call.response_limit};
    if (!call.query.empty()) request.url += "?" + CanonicalQuery(call.query);
    if (!keys.session_token.empty()) {
      input.headers.emplace_back("x-amz-security-token", keys.session_token.Reveal());
      request.secret_headers.emplace_back("x-amz-security-token", keys.session_token);
    }
    request.headers.emplace_back("authorization",
                                 Authorization(input, keys.access_key, keys.secret_key));
    return request;
  }

  Verdict Judge(const OpContext& ctx, Call& call, const net::HttpResponse& response) override {
    const bool success = response.status >= 200 && response.status < 300;
    if (!success) return JudgeError(ctx, call, response, ParseS3Error(response));
    // some send 200 first and what went wrong later
    const bool listing = call.key.empty() && call.method == "GET";
    if (listing || (call.method != "GET" && !response.body.empty())) {
      const S3Error error = ParseS3Error(response);
      if (!error.code.empty()) return JudgeError(ctx, call, response, error);
      if (listing && !ParseS3Listing(response).ok())
        return {Next::kRetry, Unavailable("what answers is no listing")};
    }
    return JudgeStatus(call, response, {});
  }

  // "DeleteObjects" of the API Reference.
  std::size_t most_removed_at_once() const override { return kMostRemoved; }
  Call RemoveManyCall() const override {
    return Call{.method = "POST",
                .query = {{"delete", ""}},
                .headers = {{"content-type", "application/xml"}}};
  }
  std::string RemoveManyBody(const std::vector<std::string>& keys) const override {
    return S3DeleteBody(keys);
  }
  std::optional<std::vector<std::string>> ParseKept(
      const net::HttpResponse& response) const override {
    return ParseS3Kept(response);
  }

  Call ListCall(const ListAsked& asked) const override {
    Call call{.method = "GET"};
    call.query = {{"list-type", "2"},
                  {"delimiter", "/"},
                  {"encoding-type", "url"},
                  {"max-keys", std::to_string(asked.limit)},
                  {"prefix", asked.prefix}};
    if (!asked.next.empty()) {
      call.query.emplace_back("continuation-token", asked.next);
    } else if (!asked.after.empty()) {
      call.query.emplace_back("start-after", asked.after);
    }
    return call;
  }
  Result<ListPart> ParseListing(const net::HttpResponse& response) const override {
    return ParseS3Listing(response);
  }

 private:
  // Codes: "Error Responses" of the S3 API Reference, and those of Swift's s3api and of Ceph.
  Verdict JudgeError(const OpContext& ctx, const Call& call, const net::HttpResponse& response,
                     const S3Error& error) {
    static const std::set<std::string_view> kSlower = {
        "SlowDown", "ServiceUnavailable", "Throttling", "TooManyRequests", "RequestLimitExceeded"};
    static const std::set<std::string_view> kRetry = {
        "InternalError",   "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
        "BadDigest",       "IncompleteBody", "RequestTimedOut",  "BandwidthLimitExceeded",
        "ClientDisconnect"};
    static const std::set<std::string_view> kNoSpace = {"QuotaExceeded", "EntityTooLarge",
                                                        "XMinioStorageFull", "InsufficientCapacity",
                                                        "XMinioAdminBucketQuotaExceeded"};
    static const std::set<std::string_view> kKeys = {
        "InvalidAccessKeyId",   "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
        "TokenRefreshRequired", "ExpiredTokenException", "AccessDenied", "InvalidClientTokenId"};
    const std::string what = Describe(response.status, error);
    if (error.code == "RequestTimeTooSkewed" || error.code == "RequestExpired") {
      if (LearnClock(call, response)) return {Next::kAgain, {}};
      return {Next::kFail, Error(Code::kFailedPrecondition, "CLOCK_SKEWED", "{}", what)
                               .WithHint("set this machine's clock")};
    }
    if (LearnMd5(call, error)) return {Next::kAgain, {}};
    if (!error.region.empty() && LearnRegion(call, error.region)) return {Next::kAgain, {}};
    if (error.code == "NoSuchBucket") {
      return {Next::kNoPlace,
              Error(Code::kFailedPrecondition, "CONTAINER_NOT_FOUND", "{}", what)
                  .WithHint("make the bucket, or correct its name in the settings")};
    }
    if (kSlower.contains(error.code)) return {Next::kSlower, Unavailable(what)};
    if (kRetry.contains(error.code)) return {Next::kRetry, Unavailable(what)};
    if (kNoSpace.contains(error.code)) {
      return {Next::kFail, Error(Code::kResourceExhausted, "NO_SPACE", "{}", what)
                               .WithHint("free space on the store, or have its quota raised")};
    }
    const bool keys = kKeys.contains(error.code) || response.status == 401 ||
                      (response.status == 403 && error.code.empty());
    if (keys) {
      const Result<bool> renewed = credentials_.Renew(ctx, call.credentials);
      if (!renewed.ok()) return {Next::kFail, renewed.status()};
      if (*renewed) return {Next::kAgain, {}};
      if (error.code != "AccessDenied" && !error.code.empty()) {
        return {Next::kFail,
                Error(Code::kUnauthenticated, "CREDENTIALS_REFUSED", "{}", what)
                    .WithHint("check the store's access_key and secret_key; their files are read "
                              "again at the next request")};
      }
    }
    if (response.status == 403 && error.code.empty()) {
      return {Next::kFail,
              Error(Code::kPermissionDenied, "PERMISSION_DENIED", "{}", what)
                  .WithHint("the keys are wrong, or do not allow this: an answer to HEAD has no "
                            "words that tell which")};
    }
    if (response.status < 300) return {Next::kRetry, Unavailable(what)};
    return JudgeStatus(call, response, error);
  }

  static Status Unavailable(const std::string& what) {
    return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "{}", what).AsRetryable();
  }

  // Whether the call was made with something else: what it had already does not help. (Another
  // thread may have learnt the same meanwhile.)
  bool LearnClock(const Call& call, const net::HttpResponse& response) {
    const auto date = net::ParseHttpDate(response.header("date"));
    if (!date) return false;
    const auto offset = std::chrono::duration_cast<seconds>(*date - system_clock::now()).count();
    clock_offset_ = offset;
    return std::abs(call.clock_offset - offset) > 30;
  }
  static bool HasMd5(const Call& call) {
    return std::any_of(call.headers.begin(), call.headers.end(),
                       [](const auto& header) { return header.first == kMd5; });
  }
  // A bucket with an object lock wants the body's MD5 (or a checksum, which fewer stores know).
  bool LearnMd5(const Call& call, const S3Error& error) {
    if (call.method != "PUT" || HasMd5(call)) return false;
    const bool wanted =
        error.code == "MissingContentMD5" ||
        (error.code == "InvalidRequest" && error.message.find("Content-MD5") != std::string::npos);
    if (wanted) wants_md5_ = true;
    return wanted;
  }
  bool LearnRegion(const Call& call, const std::string& region) {
    const std::lock_guard lock(mutex_);
    region_ = region;
    return call.region != region;
  }

  const config::S3Settings settings_;
  const Origin origin_;
  const bool path_style_;
  S3Credentials credentials_;
  std::atomic<std::int64_t> clock_offset_ = 0;  // seconds that the store is ahead of us
  std::atomic<bool> wants_md5_ = false;
  std::mutex mutex_;
  std::string region_;
};

}  // namespace

Result<std::unique_ptr<Dialect>> MakeS3Dialect(const config::S3Settings& settings) {
  ASSIGN_OR_RETURN(Origin origin, ParseOrigin(settings.endpoint));
  return std::unique_ptr<Dialect>(std::make_unique<S3Dialect>(settings, std::move(origin)));
}

}  // namespace dbagent::storage
