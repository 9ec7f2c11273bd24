#include "agent/config/target_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "agent/base/url.h"

namespace dbagent::config {
namespace {

bool Names(const std::string& rule, std::string_view host) {
  if (host == rule) return true;
  return host.size() > rule.size() && host.ends_with(rule) &&
         host[host.size() - rule.size() - 1] == '.';
}

bool IsLocal4(std::uint32_t address) {
  const std::uint32_t first = address >> 24U;
  return first == 0 || first == 127 || address >> 16U == 0xA9FE || first >= 224;
}

}  // namespace

bool TargetRules::IsOnlyAnyHost(std::string_view host) const {
  return std::none_of(hosts.begin(), hosts.end(),
                      [&](const std::string& rule) { return rule != "*" && Names(rule, host); });
}

Status CheckTarget(const TargetRules& rules, const std::string& url) {
  const auto refused = [&](std::string_view what, const std::string& which) {
    return Error(Code::kPermissionDenied, "TARGET_NOT_ALLOWED",
                 "a request may not send the agent {} '{}'", what, which);
  };
  ASSIGN_OR_RETURN(const Origin origin, ParseOrigin(url));
  if (origin.scheme != "https" && !rules.plain_http) {
    return refused("without TLS to", origin.authority())
        .WithHint("use https; the agent's settings can allow it: request_targets.plain_http");
  }
  const bool any = std::find(rules.hosts.begin(), rules.hosts.end(), "*") != rules.hosts.end();
  if (rules.IsOnlyAnyHost(origin.host) && (!any || IsLocalAddress(origin.host))) {
    return refused("to", origin.host)
        .WithHint("the agent's settings list the hosts that it may: request_targets.hosts");
  }
  return Ok();
}

bool IsLocalAddress(const std::string& address) {
  in_addr four{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) return IsLocal4(ntohl(four.s_addr));
  in6_addr six{};
  const std::string without_zone = address.substr(0, address.find('%'));
  if (inet_pton(AF_INET6, without_zone.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six) || IN6_IS_ADDR_V4COMPAT(&six)) {
    std::uint32_t inner = 0;
    std::memcpy(&inner, six.s6_addr + 12, sizeof inner);
    return IsLocal4(ntohl(inner));
  }
  // EC2's metadata service, too, which has a unique local address
  static constexpr unsigned char kEc2[] = {0xfd, 0x00, 0x0e, 0xc2};
  return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) ||
         IN6_IS_ADDR_LINKLOCAL(&six) || IN6_IS_ADDR_MULTICAST(&six) ||
         std::memcmp(six.s6_addr, kEc2, sizeof kEc2) == 0;
}

}  // namespace dbagent::config
