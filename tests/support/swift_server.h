#pragma once

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/config/store_settings.h"
#include "tests/support/server_script.h"

namespace dbagent::tests {

// A real Swift (tests/servers/swift) on loopback, with TempAuth and its S3 face.
class SwiftServer {
 public:
  std::string url() const;  // http://127.0.0.1:port
  // One of user test:tester, as TempAuth gives it, and where the account is.
  struct Token {
    std::string token, storage_url;
  };
  Result<Token> LogIn() const;
  // All tokens that were given out are unknown from now on.
  Status ForgetTokens() const;
  // Settings of a store there: its container or bucket, made by the first call when it is a Swift
  // container; short waits between tries.
  config::StoreSettings Swift(const std::string& container) const;
  config::StoreSettings S3(const std::string& bucket) const;

 private:
  const ServerScript script_{"swift", {}};
};

// Started at the first call, for all tests of the program.
SwiftServer& TheSwift();

// What a test gives as a request would.
std::shared_ptr<config::GivenCredentials> GivenTo(std::string_view secret,
                                                  std::string_view id = {});

}  // namespace dbagent::tests
