// Whom the HTTP client trusts.
#include <gtest/gtest.h>

#include "agent/net/http_client.h"
#include "tests/support/run_program.h"
#include "tests/support/server_script.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

class HttpTls : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(RunProgram({"/usr/bin/bash", DBAGENT_SOURCE_DIR "/tests/support/make_certificates",
                          certificates_.path()}));
  }
  std::string Path(const char* name) const { return certificates_ / name; }
  // The server has the certificate `name`.
  Result<net::HttpResponse> Ask(const std::string& name, const char* trusted,
                                const std::vector<std::string>& version = {}) {
    std::vector<std::string> arguments = {Path((name + ".crt").c_str()),
                                          Path((name + ".key").c_str())};
    arguments.insert(arguments.end(), version.begin(), version.end());
    const ServerScript server("https", arguments);
    net::HttpSettings settings;
    settings.proxy = "none";
    if (trusted != nullptr) settings.ca_file = Path(trusted);
    net::HttpClient client(settings);
    return client.Do(OpContext().WithBudget(std::chrono::seconds(30)),
                     {.method = "GET", .url = "https://127.0.0.1:" + server.words().at(0) + "/"});
  }

  const TempDir certificates_;
};

TEST_F(HttpTls, AnAuthorityOfOnesOwnIsTrustedWhenItIsNamed) {
  const auto answer = Ask("agent", "ca.crt");
  ASSERT_OK(answer);
  EXPECT_EQ(AsText(answer->body), "hello");
}

TEST_F(HttpTls, WhoIsNotKnownIsRefused) {
  EXPECT_EQ(ReasonOf(Ask("agent", nullptr)), "TLS_REFUSED");
  EXPECT_EQ(ReasonOf(Ask("agent", "other-ca.crt")), "TLS_REFUSED");
}

TEST_F(HttpTls, ACertificateForAnotherNameIsRefused) {
  const auto answer = Ask("controller", "ca.crt");
  ASSERT_EQ(ReasonOf(answer), "TLS_REFUSED");
  EXPECT_FALSE(answer.status().retryable());
}

TEST_F(HttpTls, AnOldProtocolIsRefused) {
  EXPECT_FALSE(Ask("agent", "ca.crt", {"TLSv1_1"}).ok());
  EXPECT_OK(Ask("agent", "ca.crt", {"TLSv1_2"}));
}

TEST_F(HttpTls, AFileThatIsNoAuthorityIsTold) {
  EXPECT_EQ(ReasonOf(Ask("agent", "ca.key")), "TLS_REFUSED");
}

}  // namespace
}  // namespace dbagent::tests
