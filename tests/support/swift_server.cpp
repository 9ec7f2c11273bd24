#include "tests/support/swift_server.h"

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
  settings.swift.secret = GivenTo("testing");
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
  settings.s3.access_key = "test:tester";
  settings.s3.secret_key = GivenTo("testing");
  settings.transport.retry_budget = std::chrono::seconds(20);
  return settings;
}

SwiftServer& TheSwift() {
  static SwiftServer server;
  return server;
}

config::SecretSource GivenTo(std::string_view value) {
  config::SecretSource source;
  source.given = std::make_shared<config::GivenSecret>(Secret(value));
  return source;
}

}  // namespace dbagent::tests
