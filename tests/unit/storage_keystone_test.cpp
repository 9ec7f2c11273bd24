#include <gtest/gtest.h>

#include "agent/storage/expiry.h"
#include "agent/storage/json_text.h"
#include "agent/storage/keystone.h"
#include "tests/support/status_matchers.h"

namespace dbagent::storage {
namespace {

using tests::ReasonOf;

constexpr std::string_view kAnswer = R"({"token":{"expires_at":"2999-01-01T00:00:00.000000Z",
  "catalog":[{"type":"identity","endpoints":[]},
    {"type":"object-store","endpoints":[
      {"region":"north","interface":"internal","url":"http://in.north/v1/AUTH_1"},
      {"region":"north","interface":"public","url":"http://out.north/v1/AUTH_1/"},
      {"region":"south","interface":"public","url":"http://out.south/v1/AUTH_1"}]}]}})";

config::SwiftSettings Settings() {
  config::SwiftSettings settings;
  settings.auth = "keystone_password";
  settings.user = "us\"er";
  settings.project = "p";
  settings.user_domain = "Here";
  settings.project_domain = "default";
  return settings;
}

TEST(Keystone, AsksWithAPasswordForAProjectWhateverCharactersTheyHave) {
  const Secret body = KeystoneRequest(Settings(), "", Secret("p\\a\"\n"));
  ASSERT_OK_AND_ASSIGN(const auto json, ParseJson(AsBytes(body.Reveal()), "the test"));
  EXPECT_EQ(FindText(json, {"auth", "identity", "password", "user", "name"}), "us\"er");
  EXPECT_EQ(FindText(json, {"auth", "identity", "password", "user", "password"}), "p\\a\"\n");
  EXPECT_EQ(FindText(json, {"auth", "identity", "password", "user", "domain", "name"}), "Here");
  EXPECT_EQ(FindText(json, {"auth", "scope", "project", "name"}), "p");
  EXPECT_EQ(FindText(json, {"auth", "scope", "project", "domain", "id"}), "default");
}

TEST(Keystone, AsksWithAnApplicationCredentialWithoutAScope) {
  config::SwiftSettings settings = Settings();
  settings.auth = "keystone_application_credential";
  const Secret body = KeystoneRequest(settings, "id-1", Secret("s3cret"));
  EXPECT_EQ(body.Reveal(), R"({"auth":{"identity":{"methods":["application_credential"],)"
                           R"("application_credential":{"id":"id-1","secret":"s3cret"}}}})");
}

TEST(Keystone, FindsTheStoreInTheCatalogue) {
  config::SwiftSettings settings = Settings();
  const auto url = [&] {
    const auto answer = ParseKeystoneAnswer(settings, AsBytes(kAnswer));
    return answer.ok() ? answer->storage_url : answer.status().reason();
  };
  EXPECT_EQ(url(), "http://out.north/v1/AUTH_1");
  settings.region = "south";
  EXPECT_EQ(url(), "http://out.south/v1/AUTH_1");
  settings.interface = "internal";
  EXPECT_EQ(url(), "STORE_REFUSED");
  settings.storage_url = "http://mine/v1/a/";
  EXPECT_EQ(url(), "http://mine/v1/a");
}

TEST(Keystone, SaysWhatTheCatalogueHas) {
  config::SwiftSettings settings = Settings();
  settings.region = "west";
  const auto answer = ParseKeystoneAnswer(settings, AsBytes(kAnswer));
  ASSERT_EQ(ReasonOf(answer), "STORE_REFUSED");
  EXPECT_EQ(answer.status().hint(),
            "it has (region, interface): north internal, north public, south public");
  EXPECT_EQ(ReasonOf(ParseKeystoneAnswer(settings, AsBytes("<html>"))), "STORE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(ParseKeystoneAnswer(settings, AsBytes("[]"))), "STORE_REFUSED");
}

TEST(Keystone, ReadsWhenATokenExpires) {
  const auto now = std::chrono::steady_clock::now();
  ASSERT_TRUE(ParseExpiry("2999-01-01T00:00:00Z").has_value());
  EXPECT_GT(*ParseExpiry("2999-01-01T00:00:00.5Z"), now + std::chrono::hours(24));
  EXPECT_LT(*ParseExpiry("1999-01-01T00:00:00+00:00"), now);
  for (const char* odd : {"", "soon", "2999-01-01", "2999-01-01T00:00:00"})
    EXPECT_EQ(ParseExpiry(odd), std::nullopt) << odd;
}

}  // namespace
}  // namespace dbagent::storage
