// Swift with a real Keystone: how a store logs in to OpenStack. tests/run --all.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "agent/storage/swift_token.h"
#include "tests/store/scripted_settings.h"
#include "tests/support/server_script.h"

namespace dbagent::tests {
namespace {

// Keystone's catalogue names Swift's port, and Swift asks Keystone, so one of them is chosen first.
std::string FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return std::to_string(ntohs(address.sin_port));
}

class KeystoneStore : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string port = FreePort();
    keystone_.emplace("keystone", std::vector<std::string>{port});
    swift_.emplace("swift", std::vector<std::string>{Url(), port});
  }
  static void TearDownTestSuite() {
    swift_.reset();
    keystone_.reset();
  }
  static std::string Url() { return "http://127.0.0.1:" + keystone_->words().at(0) + "/v3"; }
  // A password costs Keystone a second and more of hashing on a busy machine.
  static std::unique_ptr<storage::ObjectStore> Open(const config::SwiftSettings& swift) {
    storage::HttpStoreSettings settings = QuickSettings();
    settings.http.stall_timeout = std::chrono::seconds(30);
    return OpenSwift(swift, settings);
  }
  static config::SwiftSettings Password() {
    config::SwiftSettings settings;
    settings.auth = "keystone_password";
    settings.auth_url = Url();
    settings.user = "demo";
    settings.project = "demo";
    settings.given = GivenTo("demopw");
    settings.container = "keystone";
    settings.create = true;
    return settings;
  }
  static config::SwiftSettings ApplicationCredential() {
    config::SwiftSettings settings = Password();
    settings.auth = "keystone_application_credential";
    settings.given = GivenTo(keystone_->words().at(2), keystone_->words().at(1));
    return settings;
  }

  static std::optional<ServerScript> keystone_, swift_;
};
std::optional<ServerScript> KeystoneStore::keystone_;
std::optional<ServerScript> KeystoneStore::swift_;

TEST_F(KeystoneStore, LogsInByPasswordAndByApplicationCredential) {
  const auto by_password = Open(Password());
  ASSERT_OK(by_password->Put(Ctx(), "o", AsBytes("content")));
  const auto by_credential = Open(ApplicationCredential());
  const auto content = by_credential->Get(Ctx(), "o", 100);
  ASSERT_OK(content);
  EXPECT_EQ(AsText(*content), "content");
  ASSERT_OK(by_credential->Remove(Ctx(), "o"));
}

TEST_F(KeystoneStore, FindsTheStoreByRegionAndInterface) {
  config::SwiftSettings settings = ApplicationCredential();
  settings.region = "RegionOne";
  settings.interface = "internal";
  EXPECT_OK(Open(settings)->Replace(Ctx(), "o", AsBytes("x")));
  settings.region = "Elsewhere";
  const Status nowhere = Open(settings)->Replace(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(nowhere), "STORE_REFUSED");
  EXPECT_NE(nowhere.hint().find("RegionOne public"), std::string::npos) << nowhere.ToString();
}

TEST_F(KeystoneStore, RefusesWrongSecretsWithoutShowingThem) {
  config::SwiftSettings settings = Password();
  settings.given = GivenTo("wrong-password");
  const Status by_password = Open(settings)->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(by_password), "CREDENTIALS_REFUSED");
  EXPECT_EQ(by_password.ToString().find("wrong-password"), std::string::npos);
  settings = ApplicationCredential();
  settings.given = GivenTo("wrong-secret", settings.given->Read().id);
  EXPECT_EQ(ReasonOf(Open(settings)->Put(Ctx(), "o", AsBytes("x"))), "CREDENTIALS_REFUSED");
}

TEST_F(KeystoneStore, ATokenThatWasRevokedIsRefusedUntilThereIsAnother) {
  net::HttpSettings http;
  http.proxy = "none";
  const config::SwiftSettings settings = Password();
  storage::SwiftTokens tokens(settings, http);
  ASSERT_OK_AND_ASSIGN(const storage::SwiftToken token, tokens.Get(Ctx()));
  EXPECT_TRUE(token.expiry.has_value());
  config::SwiftSettings given = settings;
  given.auth = "token";
  given.auth_url.clear();
  given.storage_url = token.storage_url;
  given.given = GivenTo(token.token.Reveal());
  const auto store = Open(given);
  ASSERT_OK(store->Replace(Ctx(), "o", AsBytes("x")));
  net::HttpClient client(http);
  const std::string text(token.token.Reveal());
  const auto revoked =
      client.Do(Ctx(), {.method = "DELETE",
                        .url = Url() + "/auth/tokens",
                        .headers = {{"x-auth-token", text}, {"x-subject-token", text}}});
  ASSERT_OK(revoked);
  EXPECT_EQ(revoked->status, 204);
  EXPECT_EQ(ReasonOf(store->Replace(Ctx(), "o", AsBytes("x"))), "CREDENTIALS_REFUSED");
  ASSERT_OK_AND_ASSIGN(const bool another, tokens.Renew(Ctx(), token.generation));
  EXPECT_TRUE(another);
  ASSERT_OK_AND_ASSIGN(const storage::SwiftToken next, tokens.Get(Ctx()));
  given.given->Renew({"", Secret(next.token.Reveal()), {}});
  EXPECT_OK(store->Replace(Ctx(), "o", AsBytes("y")));
}

}  // namespace
}  // namespace dbagent::tests
