#include "agent/storage/swift_token.h"

#include "agent/storage/keystone.h"

namespace dbagent::storage {
namespace {

constexpr std::chrono::minutes kBeforeExpiry{5};

std::string Trimmed(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

}  // namespace

SwiftTokens::SwiftTokens(const config::SwiftSettings& settings, const net::HttpSettings& http)
    : settings_(settings), client_(http) {}

Result<SwiftToken> SwiftTokens::Get(const OpContext& ctx) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool fresh = token_ && (!token_->expiry || std::chrono::steady_clock::now() <
                                                         *token_->expiry - kBeforeExpiry);
    if (fresh) return *token_;
    if (!fetching_) return Refresh(ctx, lock);
    RETURN_IF_ERROR(ctx.Poll());
    fetched_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(std::chrono::seconds(1)),
                      [this] { return !fetching_; });
  }
}

Result<bool> SwiftTokens::Renew(const OpContext& ctx, std::uint64_t refused) {
  std::unique_lock lock(mutex_);
  while (fetching_) {
    RETURN_IF_ERROR(ctx.Poll());
    fetched_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(std::chrono::seconds(1)),
                      [this] { return !fetching_; });
  }
  if (token_ && token_->generation != refused) return true;
  ASSIGN_OR_RETURN(const SwiftToken token, Refresh(ctx, lock));
  return token.generation != refused;
}

// With the lock held before and after.
Result<SwiftToken> SwiftTokens::Refresh(const OpContext& ctx, std::unique_lock<std::mutex>& lock) {
  fetching_ = true;
  lock.unlock();
  Result<SwiftToken> fetched = Fetch(ctx);
  lock.lock();
  fetching_ = false;
  fetched_.notify_all();
  if (!fetched.ok()) return fetched;
  const bool same = token_ && token_->token == fetched->token;
  fetched->generation = (token_ ? token_->generation : 0) + (same ? 0 : 1);
  token_ = *fetched;
  return fetched;
}

Result<SwiftToken> SwiftTokens::Fetch(const OpContext& ctx) {
  Secret secret;
  std::string id = settings_.application_credential;
  if (settings_.given) {
    config::StoreCredentials given = settings_.given->Read();
    secret = std::move(given.secret);
    id = std::move(given.id);
  } else {
    ASSIGN_OR_RETURN(secret, config::ReadSecret(settings_.secret));
  }
  if (settings_.auth == "token")
    return SwiftToken{std::move(secret), Trimmed(settings_.storage_url), {}};
  if (settings_.auth == "tempauth") return FromTempAuth(ctx, secret);
  return FromKeystone(ctx, id, secret);
}

Result<SwiftToken> SwiftTokens::FromKeystone(const OpContext& ctx, const std::string& id,
                                             const Secret& secret) {
  const Secret body = KeystoneRequest(settings_, id, secret);
  net::HttpRequest request{.method = "POST",
                           .url = Trimmed(settings_.auth_url) + "/auth/tokens",
                           .headers = {{"content-type", "application/json"}},
                           .body = AsBytes(body.Reveal()),
                           .response_limit = 4U << 20U};
  ASSIGN_OR_RETURN(const net::HttpResponse answer, client_.Do(ctx, request));
  if (answer.status != 201) {
    const StoreError error{"", KeystoneError(answer.body),
                           std::string(answer.header("x-openstack-request-id"))};
    return NoToken(answer, error);
  }
  ASSIGN_OR_RETURN(const KeystoneAnswer parsed, ParseKeystoneAnswer(settings_, answer.body));
  SwiftToken token{Secret(answer.header("x-subject-token")), parsed.storage_url, parsed.expiry};
  if (token.token.empty()) return Refused("the answer has no X-Subject-Token");
  return token;
}

Result<SwiftToken> SwiftTokens::FromTempAuth(const OpContext& ctx, const Secret& secret) {
  const net::HttpRequest request{.method = "GET",
                                 .url = Trimmed(settings_.auth_url),
                                 .headers = {{"x-auth-user", settings_.user}},
                                 .secret_headers = {{"x-auth-key", secret}}};
  ASSIGN_OR_RETURN(const net::HttpResponse answer, client_.Do(ctx, request));
  if (answer.status < 200 || answer.status > 299) {
    const StoreError error{"", PlainText(answer.body), std::string(answer.header("x-trans-id"))};
    return NoToken(answer, error);
  }
  std::string_view url = settings_.storage_url;
  if (url.empty()) url = answer.header("x-storage-url");
  SwiftToken token{Secret(answer.header("x-auth-token")), Trimmed(url), {}};
  if (token.token.empty() || token.storage_url.empty())
    return Refused("the answer has no X-Auth-Token or no X-Storage-Url");
  return token;
}

Status SwiftTokens::NoToken(const net::HttpResponse& answer, const StoreError& error) const {
  if (answer.status == 401) return Refused(Describe(answer.status, error));
  Verdict verdict = JudgeStatus(Call{.method = "POST"}, answer, error);
  if (!verdict.problem) return Refused(Describe(answer.status, error));
  return std::move(*verdict.problem)
      .Wrap(fmt::format("unable to get a token of '{}'", settings_.auth_url));
}

Status SwiftTokens::Refused(const std::string& what) const {
  return Error(Code::kUnauthenticated, "CREDENTIALS_REFUSED", "unable to get a token of '{}': {}",
               settings_.auth_url, what)
      .WithHint(
          "check the store's user, project and secret; the secret's file is read again at "
          "the next request");
}

}  // namespace dbagent::storage
