#pragma once

#include <string>

#include "agent/config/store_settings.h"
#include "tests/support/server_script.h"

namespace dbagent::tests {

// A real Swift (tests/servers/swift) on loopback, with TempAuth and its S3 face.
class SwiftServer {
 public:
  std::string url() const;  // http://127.0.0.1:port
  // Settings of a store there: its container or bucket, made by the first call when it is a Swift
  // container; short waits between tries.
  config::StoreSettings Swift(const std::string& container) const;
  config::StoreSettings S3(const std::string& bucket) const;

 private:
  const ServerScript script_{"swift", {}};
};

// Started at the first call, for all tests of the program.
SwiftServer& TheSwift();

// A secret that a test gives as a request would.
config::SecretSource GivenTo(std::string_view value);

}  // namespace dbagent::tests
