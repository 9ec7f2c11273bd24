#include "tests/support/swift_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "agent/net/http_client.h"

namespace dbagent::tests {

std::string SwiftServer::url() const {
  return "http://127.0.0.1:" + script_.words().at(0);
}

config::StoreSettings SwiftServer::Swift(const std::string& container) const {
  config::StoreSettings settings;
  settings.name = "swift";
  settings.kind = "swift";
  settings.swift.auth = "tempauth";
  settings.swift.auth_url = url() + "/auth/v1.0";
  settings.swift.user = "test:tester";
  settings.swift.given = GivenTo("testing");
  settings.swift.container = container;
  settings.swift.create = true;
  settings.transport.retry_budget = std::chrono::seconds(20);
  return settings;
}

config::StoreSettings SwiftServer::S3(const std::string& bucket) const {
  config::StoreSettings settings;
  settings.name = "s3";
  settings.kind = "s3";
  settings.s3.endpoint = url();
  settings.s3.region = "us-east-1";
  settings.s3.bucket = bucket;
  settings.s3.given = GivenTo("testing", "test:tester");
  settings.transport.retry_budget = std::chrono::seconds(20);
  return settings;
}

Result<SwiftServer::Token> SwiftServer::LogIn() const {
  net::HttpSettings settings;
  settings.proxy = "none";
  net::HttpClient client(settings);
  ASSIGN_OR_RETURN(
      const net::HttpResponse answer,
      client.Do(OpContext().WithBudget(std::chrono::seconds(60)),
                {.method = "GET",
                 .url = url() + "/auth/v1.0",
                 .headers = {{"x-auth-user", "test:tester"}, {"x-auth-key", "testing"}}}));
  return Token{std::string(answer.header("x-auth-token")),
               std::string(answer.header("x-storage-url"))};
}

Status SwiftServer::ForgetTokens() const {
  const UniqueFd memcached(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(script_.words().at(1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  constexpr std::string_view kCommand = "flush_all\r\n";
  char answer[2] = {};
  const bool done =
      connect(memcached.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      write(memcached.get(), kCommand.data(), kCommand.size()) ==
          static_cast<ssize_t>(kCommand.size()) &&
      read(memcached.get(), answer, sizeof answer) == 2 && answer[0] == 'O' && answer[1] == 'K';
  if (done) return Ok();
  return Error(Code::kInternal, "TEST", "memcached did not forget");
}

SwiftServer& TheSwift() {
  static SwiftServer server;
  return server;
}

std::shared_ptr<config::GivenCredentials> GivenTo(std::string_view secret, std::string_view id) {
  return std::make_shared<config::GivenCredentials>(
      config::StoreCredentials{std::string(id), Secret(secret), {}});
}

}  // namespace dbagent::tests
