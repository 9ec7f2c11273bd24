#include <gtest/gtest.h>

#include "agent/os/files.h"
#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

using v1::InstanceService;

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Shell(DBAGENT_SOURCE_DIR "/tests/support/make_certificates " +
                    certificates_.path().native()),
              0);
    agent_.more_settings = fmt::format(
        "remote:\n  listen: 127.0.0.1:{0}\n  certificate: {1}/agent.crt\n  key: {1}/agent.key\n  "
        "client_ca: {1}/ca.crt\n"
        "  peers: [{{san: controller.test, role: viewer}}]\n",
        port(), certificates_.path().native());
    agent_.Start();
  }

  static int Shell(const std::string& command) { return std::system(command.c_str()); }
  // beside the database server's port, which is never used here: nothing is prepared
  std::uint16_t port() const { return agent_.port(); }

  std::string Read(const std::string& name) const {
    Result<std::string> text = os::ReadFile(certificates_ / name);
    EXPECT_TRUE(text.ok()) << text.status().ToString();
    return text.ok() ? *std::move(text) : std::string();
  }

  // Get over TLS as `client` (empty: without a certificate).
  grpc::Status GetAs(const std::string& client) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read("ca.crt");
    if (!client.empty()) {
      options.pem_cert_chain = Read(client + ".crt");
      options.pem_private_key = Read(client + ".key");
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("agent.test");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port()),
                                         grpc::SslCredentials(options), arguments);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::Instance instance;
    return InstanceService::NewStub(channel_)->Get(&context, google::protobuf::Empty(), &instance);
  }

  TempDir certificates_;
  AgentProcess agent_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(Tls, ServesAKnownCertificateByItsRole) {
  EXPECT_TRUE(GetAs("controller").ok());
  grpc::ClientContext context;
  v1::Operation operation;
  const grpc::Status refused = InstanceService::NewStub(channel_)->Prepare(
      &context, v1::PrepareInstanceRequest(), &operation);
  EXPECT_EQ(ToOutcome(refused).reason, "METHOD_NOT_ALLOWED");
  EXPECT_NE(agent_.log().find("caller=san:controller.test"), std::string::npos) << agent_.log();
}

TEST_F(Tls, RefusesACertificateThatItsCaSignedForSomebodyElse) {
  EXPECT_EQ(ToOutcome(GetAs("stranger")).reason, "CALLER_UNKNOWN");
}

TEST_F(Tls, RefusesACertificateOfAnotherCa) {
  EXPECT_EQ(GetAs("foreign").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Tls, RefusesAClientWithoutACertificate) {
  EXPECT_EQ(GetAs("").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Tls, SpeaksTls13AndNothingOlder) {
  const auto handshake = [&](const std::string& version) {
    return Shell(
        fmt::format("openssl s_client -connect 127.0.0.1:{0} -{1} -alpn h2 -CAfile {2}/ca.crt "
                    "-cert {2}/controller.crt -key "
                    "{2}/controller.key </dev/null 2>&1 | grep -q 'New, TLSv1'",
                    port(), version, certificates_.path().native()));
  };
  EXPECT_EQ(handshake("tls1_3"), 0);
  EXPECT_NE(handshake("tls1_2"), 0);
}

}  // namespace
}  // namespace dbagent::tests
