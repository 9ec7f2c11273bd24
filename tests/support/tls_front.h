#pragma once

#include <string>

#include "tests/support/server_script.h"

namespace dbagent::tests {

// TLS before a server `http://127.0.0.1:port` (tests/servers/tls-front), as `https://localhost`.
class TlsFront {
 public:
  explicit TlsFront(const std::string& url)
      : script_("tls-front", {url.substr(url.rfind(':') + 1)}) {}
  const std::string& port() const { return script_.words().at(0); }
  const std::string& ca_file() const { return script_.words().at(1); }
  std::string url() const { return "https://localhost:" + port(); }

 private:
  const ServerScript script_;
};

}  // namespace dbagent::tests
