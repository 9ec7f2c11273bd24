#include "agent/storage/swift_store.h"

#include "agent/base/redact.h"
#include "agent/storage/json_text.h"
#include "agent/storage/md5.h"
#include "agent/storage/store_answer.h"
#include "agent/storage/swift_token.h"

namespace dbagent::storage {
namespace {

std::string_view Unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    return etag.substr(1, etag.size() - 2);
  return etag;
}

class SwiftDialect : public Dialect {
 public:
  SwiftDialect(const config::SwiftSettings& settings, const net::HttpSettings& http)
      : settings_(settings), tokens_(settings, http) {}

  std::string place() const override {
    const std::string& url =
        settings_.auth_url.empty() ? settings_.storage_url : settings_.auth_url;
    const Result<Origin> origin = ParseOrigin(url);
    return fmt::format("container '{}' of '{}'", settings_.container,
                       origin.ok() ? origin->authority() : url);
  }
  std::string_view metadata_header() const override { return "x-object-meta-dbagent-put"; }
  std::size_t longest_key() const override { return 1024; }  // Swift's default
  // a node that was away when it was written, and is asked first
  bool reads_may_lag() const override { return true; }

  void Seal(Call& call) const override {
    if (call.method == "PUT" && !call.key.empty())
      call.headers.emplace_back("etag", Md5Hex(call.body));
  }

  Result<net::HttpRequest> Authorise(const OpContext& ctx, Call& call) override {
    ASSIGN_OR_RETURN(const SwiftToken token, tokens_.Get(ctx));
    call.credentials = token.generation;
    net::HttpRequest request{.method = call.method,
                             .url = token.storage_url + "/" + PercentEncode(settings_.container),
                             .headers = call.headers,
                             .body = call.body,
                             .response_limit = call.response_limit};
    if (call.of_service) {  // /info is the proxy's, and everybody's
      ASSIGN_OR_RETURN(const Origin origin, ParseOrigin(token.storage_url));
      request.url = origin.scheme + "://" + origin.authority() + "/info";
      return request;
    }
    if (!call.key.empty()) request.url += "/" + PercentEncode(call.key, true);
    if (!call.query.empty()) request.url += "?" + CanonicalQuery(call.query);
    request.secret_headers.emplace_back("x-auth-token", token.token);
    return request;
  }

  Verdict Judge(const OpContext& ctx, Call& call, const net::HttpResponse& response) override {
    StoreError error{"", "", std::string(response.header("x-trans-id"))};
    // a given token may be of another project; one that was got anew would be like the old one
    const bool refused =
        response.status == 401 || (response.status == 403 && settings_.auth == "token");
    if (refused && !call.renewed) {
      call.renewed = true;
      const Result<bool> renewed = tokens_.Renew(ctx, call.credentials);
      if (!renewed.ok())
        return {renewed.status().retryable() ? Next::kRetry : Next::kFail, renewed.status()};
      if (*renewed) return {Next::kAgain, {}};
    }
    if (response.status == 200 || response.status == 201) return JudgeSuccess(call, response);
    error.message = PlainText(response.body);
    const bool of_container = call.key.empty() ? call.method != "HEAD" : call.method == "PUT";
    if (response.status == 404 && of_container && !call.of_service) {
      return {Next::kNoPlace,
              Error(Code::kFailedPrecondition, "CONTAINER_NOT_FOUND", "{}",
                    Describe(response.status, error))
                  .WithHint("make the container, or set the store's `create: true`")};
    }
    if (response.status == 422) {  // the bytes that came are not those that were sent
      return {Next::kRetry,
              Error(Code::kUnavailable, "STORE_UNAVAILABLE", "{}", Describe(response.status, error))
                  .AsRetryable()};
    }
    return JudgeStatus(call, response, error);
  }

  Call ListCall(const ListAsked& asked) const override {
    Call call{.method = "GET"};
    call.query = {{"format", "json"},
                  {"delimiter", "/"},
                  {"limit", std::to_string(asked.limit)},
                  {"prefix", asked.prefix}};
    const std::string& marker = asked.next.empty() ? asked.after : asked.next;
    if (!marker.empty()) call.query.emplace_back("marker", marker);
    return call;
  }
  Result<ListPart> ParseListing(const net::HttpResponse& response) const override {
    ListPart part;
    if (response.status == 204) return part;
    ASSIGN_OR_RETURN(const google::protobuf::Value json, ParseJson(response.body, place()));
    for (const auto& entry : json.list_value().values()) {
      const google::protobuf::Value* bytes = Find(entry, {"bytes"});
      const std::string name = FindText(entry, {"name"});
      part.entries.push_back(
          name.empty()
              ? Listed{FindText(entry, {"subdir"}), 0}
              : Listed{name,
                       bytes == nullptr ? 0 : static_cast<std::uint64_t>(bytes->number_value())});
    }
    if (!part.entries.empty()) part.next = part.entries.back().name;
    return part;
  }

  // "Discoverability" of Swift's API guide.
  std::optional<Call> LimitsCall() const override {
    return Call{.method = "GET", .of_service = true};
  }
  std::uint64_t LargestObject(const net::HttpResponse& response) const override {
    const Result<google::protobuf::Value> json = ParseJson(response.body, place());
    if (!json.ok()) return 0;
    const google::protobuf::Value* most = Find(*json, {"swift", "max_file_size"});
    return most == nullptr || most->number_value() < 1
               ? 0
               : static_cast<std::uint64_t>(most->number_value());
  }

  std::optional<Call> CreatePlace() const override {
    if (!settings_.create) return std::nullopt;
    return Call{.method = "PUT", .doing = "make the container"};
  }

 private:
  static Verdict JudgeSuccess(const Call& call, const net::HttpResponse& response) {
    const std::string_view stored = Unquoted(response.header("etag"));
    if (call.method != "PUT" || call.key.empty() || stored.empty())
      return JudgeStatus(call, response, {});
    for (const auto& [name, value] : call.headers) {
      if (name == "etag" && value != stored) {
        return {Next::kFail,
                Error(Code::kDataLoss, "IO_ERROR",
                      "the store says that it stored other bytes (MD5 {}) than were sent (MD5 {})",
                      Redact(stored), value)};
      }
    }
    return JudgeStatus(call, response, {});
  }

  const config::SwiftSettings settings_;
  SwiftTokens tokens_;
};

}  // namespace

std::unique_ptr<Dialect> MakeSwiftDialect(const config::SwiftSettings& settings,
                                          const net::HttpSettings& http) {
  return std::make_unique<SwiftDialect>(settings, http);
}

}  // namespace dbagent::storage
