#include "agent/storage/keystone.h"

#include "agent/storage/expiry.h"
#include "agent/storage/json_text.h"

namespace dbagent::storage {
namespace {

// A domain is named by its id or its name; `Default` is both words for the same one.
std::string Domain(const std::string& domain) {
  return domain == "default" ? R"({"id":"default"})" : R"({"name":)" + JsonQuote(domain) + "}";
}

std::string Trimmed(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace

Secret KeystoneRequest(const config::SwiftSettings& settings, const std::string& id,
                       const Secret& secret) {
  std::string quoted = JsonQuote(secret.Reveal());
  std::string text;
  if (settings.auth == "keystone_application_credential") {
    text = fmt::format(R"({{"auth":{{"identity":{{"methods":["application_credential"],)"
                       R"("application_credential":{{"id":{},"secret":{}}}}}}}}})",
                       JsonQuote(id), quoted);
  } else {
    text = fmt::format(
        R"({{"auth":{{"identity":{{"methods":["password"],"password":{{"user":{{"name":{},)"
        R"("domain":{},"password":{}}}}}}},"scope":{{"project":{{"name":{},"domain":{}}}}}}}}})",
        JsonQuote(settings.user), Domain(settings.user_domain), quoted, JsonQuote(settings.project),
        Domain(settings.project_domain));
  }
  Secret request(text);
  Wipe(text);
  Wipe(quoted);
  return request;
}

Result<KeystoneAnswer> ParseKeystoneAnswer(const config::SwiftSettings& settings, Bytes body) {
  ASSIGN_OR_RETURN(const google::protobuf::Value json, ParseJson(body, "Keystone"));
  KeystoneAnswer answer{Trimmed(settings.storage_url),
                        ParseExpiry(FindText(json, {"token", "expires_at"}))};
  if (!answer.storage_url.empty()) return answer;
  std::string offered;
  const google::protobuf::Value* catalogue = Find(json, {"token", "catalog"});
  if (catalogue != nullptr) {
    for (const auto& service : catalogue->list_value().values()) {
      if (FindText(service, {"type"}) != "object-store") continue;
      const google::protobuf::Value* endpoints = Find(service, {"endpoints"});
      if (endpoints == nullptr) continue;
      for (const auto& endpoint : endpoints->list_value().values()) {
        const std::string region = FindText(endpoint, {"region"});
        const std::string interface = FindText(endpoint, {"interface"});
        offered += fmt::format("{}{} {}", offered.empty() ? "" : ", ", region, interface);
        if (interface != settings.interface) continue;
        if (!settings.region.empty() && region != settings.region) continue;
        answer.storage_url = Trimmed(FindText(endpoint, {"url"}));
        return answer;
      }
    }
  }
  return Error(Code::kFailedPrecondition, "STORE_REFUSED",
               "Keystone's catalogue has no {} address of an object store{}", settings.interface,
               settings.region.empty() ? "" : " in region '" + settings.region + "'")
      .WithHint(offered.empty() ? "it has no object store for this project at all"
                                : "it has (region, interface): " + offered);
}

std::string KeystoneError(Bytes body) {
  const Result<google::protobuf::Value> json = ParseJson(body, "Keystone");
  return json.ok() ? FindText(*json, {"error", "message"}) : "";
}

}  // namespace dbagent::storage
