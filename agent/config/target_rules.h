#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/status.h"

namespace dbagent::config {

// Where the agent may be sent by the stores that requests bring with them (`request_targets` of the
// settings). Whoever controls such a store could otherwise use the agent to reach what only this
// machine can: metadata services, the agent's own network.
struct TargetRules {
  // Numeric addresses, and names, each with all names below it; `*`: every host. None: no store of
  // a request is taken.
  std::vector<std::string> hosts;
  bool plain_http = false;

  // Nobody has named this host, it is only one of every host: then it must not lead to this machine
  // or its link.
  bool IsOnlyAnyHost(std::string_view host) const;
};

// PERMISSION_DENIED TARGET_NOT_ALLOWED unless the rules allow the URL.
Status CheckTarget(const TargetRules& rules, const std::string& url);
// Whether this numeric address is of this machine, its link, or nobody's: loopback, link-local
// (where metadata services are), unspecified, multicast; also as IPv4 within IPv6. IPv4 or IPv6
// without brackets; what is no address is not local.
bool IsLocalAddress(const std::string& address);

}  // namespace dbagent::config
