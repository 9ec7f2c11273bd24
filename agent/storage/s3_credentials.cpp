#include "agent/storage/s3_credentials.h"

#include "agent/storage/expiry.h"
#include "agent/storage/json_text.h"

namespace dbagent::storage {
namespace {

constexpr std::chrono::minutes kBeforeExpiry{5};
constexpr std::chrono::seconds kMetadataTime{10};
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";

bool Same(const S3Keys& a, const S3Keys& b) {
  return a.access_key == b.access_key && a.secret_key == b.secret_key &&
         a.session_token == b.session_token;
}

net::HttpSettings MetadataHttp() {
  net::HttpSettings settings;
  settings.proxy = "none";  // link-local: nobody else may see it
  settings.connect_timeout = std::chrono::seconds(2);
  settings.stall_timeout = std::chrono::seconds(5);
  return settings;
}

}  // namespace

S3Credentials::S3Credentials(const config::S3Settings& settings)
    : settings_(settings), metadata_(std::make_unique<net::HttpClient>(MetadataHttp())) {}

Result<S3Keys> S3Credentials::Get(const OpContext& ctx) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool fresh = keys_ && (!keys_->expiry ||
                                 std::chrono::steady_clock::now() < *keys_->expiry - kBeforeExpiry);
    if (fresh) return *keys_;
    if (!fetching_) return Refresh(ctx, lock);
    RETURN_IF_ERROR(ctx.Poll());
    fetched_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(std::chrono::seconds(1)),
                      [this] { return !fetching_; });
  }
}

Result<bool> S3Credentials::Renew(const OpContext& ctx, std::uint64_t refused) {
  std::unique_lock lock(mutex_);
  while (fetching_) {
    RETURN_IF_ERROR(ctx.Poll());
    fetched_.wait_for(lock, ctx.stop(), ctx.deadline().Remaining(std::chrono::seconds(1)),
                      [this] { return !fetching_; });
  }
  if (keys_ && keys_->generation != refused) return true;
  ASSIGN_OR_RETURN(const S3Keys keys, Refresh(ctx, lock));
  return keys.generation != refused;
}

// With the lock held before and after.
Result<S3Keys> S3Credentials::Refresh(const OpContext& ctx, std::unique_lock<std::mutex>& lock) {
  fetching_ = true;
  lock.unlock();
  Result<S3Keys> fetched = Fetch(ctx);
  lock.lock();
  fetching_ = false;
  fetched_.notify_all();
  if (!fetched.ok()) return fetched;
  const std::uint64_t generation = keys_ ? keys_->generation : 0;
  fetched->generation = keys_ && Same(*keys_, *fetched) ? generation : generation + 1;
  keys_ = *fetched;
  return fetched;
}

Result<S3Keys> S3Credentials::Fetch(const OpContext& ctx) {
  S3Keys keys;
  if (settings_.given) {
    config::StoreCredentials given = settings_.given->Read();
    keys.access_key = std::move(given.id);
    keys.secret_key = std::move(given.secret);
    keys.session_token = std::move(given.session_token);
    return keys;
  }
  if (settings_.credentials == "metadata") return FetchFromMachine(ctx);
  keys.access_key = settings_.access_key;
  if (!settings_.access_key_source.empty()) {
    ASSIGN_OR_RETURN(const Secret id, config::ReadSecret(settings_.access_key_source));
    keys.access_key = id.Reveal();
  }
  ASSIGN_OR_RETURN(keys.secret_key, config::ReadSecret(settings_.secret_key));
  if (!settings_.session_token.empty()) {
    ASSIGN_OR_RETURN(keys.session_token, config::ReadSecret(settings_.session_token));
  }
  return keys;
}

Result<S3Keys> S3Credentials::FetchFromMachine(const OpContext& ctx) {
  const OpContext bounded = ctx.WithBudget(kMetadataTime);
  const auto ask = [&](net::HttpRequest request,
                       std::string_view path) -> Result<std::vector<std::byte>> {
    request.url = settings_.metadata_endpoint + std::string(path);
    ASSIGN_OR_RETURN(net::HttpResponse answer, metadata_->Do(bounded, request));
    if (answer.status == 200) return std::move(answer.body);
    return Error(Code::kFailedPrecondition, "CREDENTIALS_REFUSED",
                 "unable to get the keys of this machine's role: '{}' answers HTTP {}", request.url,
                 answer.status)
        .WithHint("give the machine a role that may use the bucket, or the store its keys");
  };
  const net::HttpRequest login{.method = "PUT",
                               .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "300"}}};
  ASSIGN_OR_RETURN(const std::vector<std::byte> token, ask(login, "/latest/api/token"));
  const net::HttpRequest get{
      .method = "GET", .secret_headers = {{"x-aws-ec2-metadata-token", Secret(AsText(token))}}};
  ASSIGN_OR_RETURN(const std::vector<std::byte> role, ask(get, kRolePath));
  const std::string_view first = AsText(role).substr(0, AsText(role).find('\n'));
  ASSIGN_OR_RETURN(const std::vector<std::byte> text,
                   ask(get, std::string(kRolePath) + PercentEncode(first)));
  ASSIGN_OR_RETURN(const google::protobuf::Value json, ParseJson(text, "the metadata service"));
  S3Keys keys;
  keys.access_key = FindText(json, {"AccessKeyId"});
  keys.secret_key = Secret(FindText(json, {"SecretAccessKey"}));
  keys.session_token = Secret(FindText(json, {"Token"}));
  keys.expiry = ParseExpiry(FindText(json, {"Expiration"}));
  if (keys.access_key.empty() || keys.secret_key.empty() || !keys.expiry) {
    return Error(Code::kUnavailable, "STORE_UNAVAILABLE",
                 "the metadata service's answer has no keys, or no time when they expire")
        .AsRetryable();
  }
  return keys;
}

}  // namespace dbagent::storage
