#include "agent/config/store_reader.h"

#include <algorithm>

#include "agent/base/url.h"

namespace dbagent::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

void CheckAddress(Section& section, const char* key, const std::string& url) {
  if (url.empty()) return;
  const Result<Origin> origin = ParseOrigin(url);
  if (origin.ok()) return;
  section.reader().Report(
      section.node()[key],
      fmt::format("'{}.{}': {}", section.path(), key, origin.status().message()),
      origin.status().hint());
}

void Address(Section& section, const char* key, std::string& out, bool required) {
  section.Text(key, out, required);
  CheckAddress(section, key, out);
}

// A bucket or container: a part of a URL's path, so it has no slash.
void Container(Section& section, const char* key, std::string& out) {
  section.Text(key, out, true);
  if (out.find('/') == std::string::npos && out.size() <= 256) return;
  section.reader().Report(
      section.node()[key],
      fmt::format("'{}.{}' has a slash or more than 256 bytes", section.path(), key),
      "folders inside it go into 'prefix'");
}

bool IsNamePart(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.size() <= 255 &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("-_.%=").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

void Prefix(Section& section, std::string& out) {
  section.Text("prefix", out);
  if (out.empty()) return;
  if (!out.ends_with('/')) out += '/';
  std::string_view rest = out;
  bool good = out.size() <= 512;
  while (good && !rest.empty()) {
    const std::size_t slash = rest.find('/');
    good = IsNamePart(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
  }
  if (good) return;
  section.reader().Report(section.node()["prefix"],
                          fmt::format("'{}.prefix' cannot be '{}'", section.path(), out),
                          "write it like dbagent/production: letters, digits and - _ . % = between "
                          "slashes, at most 512 bytes");
}

void ReadRetryBudget(Section& section, StoreTransport& out) {
  section.Duration("retry_budget", seconds(1), hours(24), out.retry_budget);
}

void ReadTransport(Section& section, StoreTransport& out) {
  section.AbsolutePath("ca_file", out.ca_file);
  section.Text("proxy", out.proxy);
  if (out.proxy != "none") CheckAddress(section, "proxy", out.proxy);
  section.Duration("connect_timeout", seconds(1), seconds(300), out.connect_timeout);
  section.Duration("stall_timeout", seconds(1), hours(1), out.stall_timeout);
  section.Flag("expect_continue", out.expect_continue);
  std::uint64_t connections = out.connections, attempts = out.attempts;
  section.Number("connections", 1, 64, connections);
  section.Number("attempts", 1, 1000, attempts);
  out.connections = static_cast<std::uint32_t>(connections);
  out.attempts = static_cast<std::uint32_t>(attempts);
  ReadRetryBudget(section, out);
}

// Whose the secrets are: places of the settings file, or the request's, which are not among the
// keys.
enum class Secrets : char { kPlaces, kGiven };

void ReadS3(Section& section, S3Settings& out, Secrets secrets) {
  Address(section, "endpoint", out.endpoint, true);
  section.Text("region", out.region, true);
  Container(section, "bucket", out.bucket);
  section.OneOf("addressing", out.addressing, {"auto", "path", "virtual_host"});
  if (secrets == Secrets::kGiven) return;
  section.OneOf("credentials", out.credentials, {"keys", "metadata"});
  if (out.credentials == "metadata") return;  // keys beside it are unknown keys
  const YAML::Node access_key = section.node()["access_key"];
  if (access_key.IsDefined() && access_key.IsMap()) {
    section.SecretPlace("access_key", out.access_key_source, true);
  } else {
    section.Text("access_key", out.access_key, true);
  }
  section.SecretPlace("secret_key", out.secret_key, true);
  section.SecretPlace("session_token", out.session_token);
}

void ReadSwift(Section& section, SwiftSettings& out, Secrets secrets) {
  Container(section, "container", out.container);
  section.Flag("create", out.create);
  section.OneOf("auth", out.auth,
                {"keystone_password", "keystone_application_credential", "token", "tempauth"},
                true);
  if (out.auth.empty()) return;
  const bool keystone = out.auth.starts_with("keystone");
  const bool places = secrets == Secrets::kPlaces;
  if (out.auth == "token") {
    Address(section, "storage_url", out.storage_url, true);
    if (places) section.SecretPlace("token", out.secret, true);
    return;
  }
  Address(section, "auth_url", out.auth_url, true);
  Address(section, "storage_url", out.storage_url, false);
  if (keystone) {
    section.Text("region", out.region);
    section.OneOf("interface", out.interface, {"public", "internal", "admin"});
  }
  if (out.auth == "keystone_application_credential") {
    if (!places) return;
    section.Text("application_credential", out.application_credential, true);
    section.SecretPlace("secret", out.secret, true);
    return;
  }
  section.Text("user", out.user, true);
  if (places) section.SecretPlace(keystone ? "password" : "key", out.secret, true);
  if (!keystone) return;
  section.Text("user_domain", out.user_domain);
  section.Text("project", out.project, true);
  section.Text("project_domain", out.project_domain);
}

}  // namespace

StoreSettings ReadStore(Section& item) {
  StoreSettings store;
  if (!item.present()) return store;
  item.Text("name", store.name, true);
  item.OneOf("kind", store.kind, {"file", "s3", "swift"}, true);
  if (store.kind.empty()) return store;  // which keys it could have is not known
  if (store.kind == "file") {
    item.AbsolutePath("path", store.path, true);
  } else {
    Prefix(item, store.prefix);
    ReadTransport(item, store.transport);
    if (store.kind == "s3") ReadS3(item, store.s3, Secrets::kPlaces);
    if (store.kind == "swift") ReadSwift(item, store.swift, Secrets::kPlaces);
    const bool incomplete_swift = store.kind == "swift" && store.swift.auth.empty();
    if (incomplete_swift) return store;
  }
  item.Finish();
  return store;
}

StoreSettings ReadGivenParts(Section& common, Section& own, const std::string& kind) {
  StoreSettings store;
  store.kind = kind;
  Prefix(common, store.prefix);
  ReadRetryBudget(common, store.transport);
  common.Finish();
  if (kind == "s3") ReadS3(own, store.s3, Secrets::kGiven);
  if (kind == "swift") ReadSwift(own, store.swift, Secrets::kGiven);
  const bool incomplete_swift = kind == "swift" && store.swift.auth.empty();
  if (!incomplete_swift) own.Finish();
  return store;
}

std::vector<const SecretSource*> SecretsOf(const StoreSettings& store) {
  std::vector<const SecretSource*> sources;
  for (const SecretSource* source : {&store.s3.access_key_source, &store.s3.secret_key,
                                     &store.s3.session_token, &store.swift.secret}) {
    if (!source->empty()) sources.push_back(source);
  }
  return sources;
}

}  // namespace dbagent::config
