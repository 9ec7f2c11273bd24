#include "agent/workflows/store_target.h"

#include "agent/config/given_store.h"

namespace dbagent::workflows {
namespace {

using Keys = config::GivenStore::Keys;

void Add(Keys& keys, const char* key, const std::string& value) {
  if (!value.empty()) keys.emplace_back(key, value);
}

// The words of the settings file; a number that this agent does not know is no word of theirs.
std::string Word(v1::S3Addressing addressing) {
  switch (addressing) {
    case v1::S3_ADDRESSING_UNSPECIFIED:
      return {};
    case v1::S3_ADDRESSING_PATH:
      return "path";
    case v1::S3_ADDRESSING_VIRTUAL_HOST:
      return "virtual_host";
    default:
      return std::to_string(addressing);
  }
}
std::string Word(v1::SwiftAuth auth) {
  switch (auth) {
    case v1::SWIFT_AUTH_UNSPECIFIED:
      return {};
    case v1::SWIFT_AUTH_KEYSTONE_PASSWORD:
      return "keystone_password";
    case v1::SWIFT_AUTH_KEYSTONE_APPLICATION_CREDENTIAL:
      return "keystone_application_credential";
    case v1::SWIFT_AUTH_TOKEN:
      return "token";
    case v1::SWIFT_AUTH_TEMPAUTH:
      return "tempauth";
    default:
      return std::to_string(auth);
  }
}

std::string KindOf(const v1::StoreTarget& target) {
  if (target.has_s3()) return "s3";
  return target.has_swift() ? "swift" : "";
}

Keys KeysOf(const v1::S3Target& target) {
  Keys keys;
  Add(keys, "endpoint", target.endpoint());
  Add(keys, "region", target.region());
  Add(keys, "bucket", target.bucket());
  Add(keys, "addressing", Word(target.addressing()));
  return keys;
}

Keys KeysOf(const v1::SwiftTarget& target) {
  Keys keys;
  Add(keys, "container", target.container());
  if (target.create()) Add(keys, "create", "true");
  Add(keys, "auth", Word(target.auth()));
  Add(keys, "auth_url", target.auth_url());
  Add(keys, "storage_url", target.storage_url());
  Add(keys, "user", target.user());
  Add(keys, "user_domain", target.user_domain());
  Add(keys, "project", target.project());
  Add(keys, "project_domain", target.project_domain());
  Add(keys, "region", target.region());
  Add(keys, "interface", target.interface());
  return keys;
}

struct Credentials {
  std::string kind;
  config::StoreCredentials values;
};

Credentials Read(const v1::StoreCredentials& credentials) {
  if (credentials.has_s3()) {
    const v1::S3Credentials& s3 = credentials.s3();
    return {"s3", {s3.access_key(), Secret(s3.secret_key()), Secret(s3.session_token())}};
  }
  if (!credentials.has_swift()) return {};
  const v1::SwiftCredentials& swift = credentials.swift();
  return {"swift", {swift.application_credential(), Secret(swift.secret()), Secret()}};
}

}  // namespace

Result<config::StoreSettings> ToStoreSettings(const v1::StoreTarget& target,
                                              const config::TargetRules& rules,
                                              std::optional<config::StoreCredentials> credentials) {
  config::GivenStore given;
  given.kind = KindOf(target);
  Add(given.common, "prefix", target.prefix());
  if (target.has_retry_budget()) {
    Add(given.common, "retry_budget", std::to_string(target.retry_budget().seconds()) + "s");
  }
  given.own = target.has_s3() ? KeysOf(target.s3()) : KeysOf(target.swift());
  given.ca_certificate = target.ca_certificate();
  Credentials read = Read(target.credentials());
  given.credentials_kind = credentials ? given.kind : std::move(read.kind);
  given.credentials = credentials ? *std::move(credentials) : std::move(read.values);
  ASSIGN_OR_RETURN(config::StoreSettings settings, config::ReadGivenStore(given, rules));
  settings.name = NameOf(target);
  return settings;
}

Result<config::StoreCredentials> ToCredentials(const v1::StoreCredentials& credentials,
                                               const v1::StoreTarget& target,
                                               const std::string& field) {
  config::StoreSettings store;
  store.kind = KindOf(target);
  store.swift.auth = Word(target.swift().auth());
  Credentials read = Read(credentials);
  RETURN_IF_ERROR(config::CheckCredentials(store, read.kind, read.values, field));
  return std::move(read.values);
}

std::string NameOf(const v1::StoreTarget& target) {
  std::string name =
      target.has_s3() ? "s3://" + target.s3().bucket() : "swift://" + target.swift().container();
  if (!target.prefix().empty()) name += "/" + target.prefix();
  while (name.ends_with('/')) name.pop_back();
  return name;
}

void WipeSecrets(v1::StoreCredentials& credentials) {
  if (credentials.has_s3()) {
    Wipe(*credentials.mutable_s3()->mutable_secret_key());
    Wipe(*credentials.mutable_s3()->mutable_session_token());
  }
  if (credentials.has_swift()) Wipe(*credentials.mutable_swift()->mutable_secret());
}

}  // namespace dbagent::workflows
