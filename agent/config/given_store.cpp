#include "agent/config/given_store.h"

#include <algorithm>

#include "agent/config/settings.h"
#include "agent/config/store_reader.h"

namespace dbagent::config {
namespace {

constexpr const char* kWhere = "every field is explained in dbagent/v1/store.proto";
constexpr std::size_t kLongest = 64U << 10U;

YAML::Node ToNode(const GivenStore::Keys& keys) {
  YAML::Node node(YAML::NodeType::Map);
  for (const auto& [key, value] : keys) node[key] = value;
  return node;
}

// In a bucket's name, which can become a part of the host's, nothing may stand that leads
// elsewhere.
bool IsBucketName(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

bool IsOneLine(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7F;
  });
}

Status ToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return Ok();
  std::string text;
  for (const Problem& problem : problems) text += (text.empty() ? "" : "; ") + problem.message;
  return Error(Code::kInvalidArgument, "TARGET_INVALID", "unable to use the request's store: {}",
               text)
      .WithHint(problems.front().hint.empty() ? kWhere : problems.front().hint);
}

void Check(const StoreSettings& store, const std::string& kind, const StoreCredentials& credentials,
           const std::string& field, std::vector<Problem>& problems) {
  const auto report = [&](std::string message) {
    problems.push_back({0, 0, std::move(message), kWhere});
  };
  if (kind.empty()) return report(fmt::format("'{}' is missing", field));
  if (kind != store.kind) {
    return report(
        fmt::format("'{}' are of kind '{}', the store is of kind '{}'", field, kind, store.kind));
  }
  const std::string path = field + "." + kind;
  const bool application = store.swift.auth == "keystone_application_credential";
  const std::string id = path + (kind == "s3" ? ".access_key" : ".application_credential");
  const std::string secret = path + (kind == "s3" ? ".secret_key" : ".secret");
  if (credentials.id.empty() && (kind == "s3" || application))
    report(fmt::format("'{}' is missing", id));
  if (!credentials.id.empty() && kind == "swift" && !application)
    report(fmt::format("'{}' is set, and the store's auth needs none", id));
  if (credentials.secret.empty()) report(fmt::format("'{}' is missing", secret));
  // they go into headers of HTTP
  if (!IsOneLine(credentials.id)) report(fmt::format("'{}' is not one line of text", id));
  const std::string_view value = credentials.secret.Reveal();
  if (!IsOneLine(value) || value.size() > kLongest)
    report(fmt::format("'{}' is not one line of text, at most 64 KiB", secret));
  const std::string_view token = credentials.session_token.Reveal();
  if (!IsOneLine(token) || token.size() > kLongest)
    report(fmt::format("'{}.session_token' is not one line of text, at most 64 KiB", path));
}

void CheckAuthority(const std::string& pem, std::vector<Problem>& problems) {
  if (pem.empty() || pem.find("-----BEGIN CERTIFICATE-----") != std::string::npos) return;
  problems.push_back({0, 0, "'target.ca_certificate' is no certificate in PEM",
                      "it begins with -----BEGIN CERTIFICATE-----"});
}

}  // namespace

Result<StoreSettings> ReadGivenStore(const GivenStore& given, const TargetRules& rules) {
  std::vector<Problem> problems;
  if (given.kind.empty()) {
    problems.push_back({0, 0, "'target' is neither of s3 nor of swift", kWhere});
    return ToStatus(problems);
  }
  Reader reader(problems, kWhere);
  Section common(reader, ToNode(given.common), "target");
  Section own(reader, ToNode(given.own), "target." + given.kind);
  StoreSettings store = ReadGivenParts(common, own, given.kind);
  if (!IsBucketName(store.s3.bucket)) {
    reader.Report(own.node(), "'target.s3.bucket' has other characters than a bucket's name",
                  "letters, digits and - _ . can stand in it");
  }
  CheckAuthority(given.ca_certificate, problems);
  Check(store, given.credentials_kind, given.credentials, "target.credentials", problems);
  RETURN_IF_ERROR(ToStatus(problems));
  for (const std::string* url :
       {&store.s3.endpoint, &store.swift.auth_url, &store.swift.storage_url})
    if (!url->empty()) RETURN_IF_ERROR(CheckTarget(rules, *url));
  store.transport.rules = rules;
  store.transport.ca_pem = given.ca_certificate;
  auto credentials = std::make_shared<GivenCredentials>(given.credentials);
  (given.kind == "s3" ? store.s3.given : store.swift.given) = std::move(credentials);
  return store;
}

Status CheckCredentials(const StoreSettings& store, const std::string& credentials_kind,
                        const StoreCredentials& credentials, const std::string& field) {
  std::vector<Problem> problems;
  Check(store, credentials_kind, credentials, field, problems);
  return ToStatus(problems);
}

}  // namespace dbagent::config
