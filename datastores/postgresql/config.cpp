#include "datastores/postgresql/config.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::size_t kSocketPathBytes = 107;

// 4, 6, or 0 for a text that is no address.
int AddressFamily(const std::string& text) {
  std::array<unsigned char, 16> address{};
  if (inet_pton(AF_INET, text.c_str(), address.data()) == 1) return 4;
  return inet_pton(AF_INET6, text.c_str(), address.data()) == 1 ? 6 : 0;
}

bool IsNetwork(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || text.find('\0') != std::string::npos) return false;
  const int family = AddressFamily(text.substr(0, slash));
  const char* const end = text.data() + text.size();
  unsigned bits = 0;
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
  return family != 0 && error == std::errc() && stop == end && bits <= (family == 4 ? 32U : 128U);
}

Status Invalid(const std::string& noun, const std::string& value, const std::string& why) {
  return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID", "unable to use {} '{}': {}", noun,
               value, why);
}

}  // namespace

Status CheckConfiguration(const ServerSettings& settings, const ConfigurationSet& spec) {
  for (const std::string& network : spec.allowed_networks) {
    if (!IsNetwork(network))
      return Invalid("allowed network", network, "it is not in CIDR notation")
          .WithHint("like 10.0.0.0/8 or 2001:db8::/32");
  }
  for (const std::string& address : settings.bind_addresses) {
    if (address != "*" && AddressFamily(address) == 0)
      return Invalid("bind address", address, "it is neither an IP address nor *");
  }
  const std::string socket =
      (settings.runtime_directory / fmt::format(".s.PGSQL.{}", settings.port)).string();
  if (socket.size() > kSocketPathBytes) {
    return Invalid("runtime directory", settings.runtime_directory.string(),
                   "a socket's path there is longer than 107 bytes");
  }
  if (settings.port == 0) return Invalid("port", "0", "it is none");
  return Ok();
}

std::string HostConfiguration(const ServerSettings& settings, const ConfigurationSet& spec) {
  // quoted, a name is never one of the file's keywords
  const std::string agent = Identifier(settings.os_user);
  std::string loaders;
  for (int slot = 1; slot <= kLoaderSlots; ++slot)
    loaders += (slot == 1 ? "" : ",") + Identifier(LoaderRole(slot));
  std::string text = "# Written by dbagentd; changes made here are lost.\n";
  text += "local all " + agent + " peer\n";
  text += "local all " + loaders + " peer map=dbagent\n";
  text += "local replication " + agent + " peer\n";
  text += "local replication all reject\n";
  text += "local all all scram-sha-256\n";
  text += "host all " + agent + "," + loaders + " all reject\n";
  text += "host replication all all reject\n";
  std::vector<std::string> networks = {"127.0.0.1/32", "::1/128"};
  networks.insert(networks.end(), spec.allowed_networks.begin(), spec.allowed_networks.end());
  for (const std::string& network : networks)
    text += "host all all " + network + " scram-sha-256\n";
  return text;
}

std::string IdentConfiguration(const ServerSettings& settings) {
  std::string text = "# Written by dbagentd; changes made here are lost.\n";
  for (int slot = 1; slot <= kLoaderSlots; ++slot)
    text +=
        fmt::format("dbagent {} {}\n", Identifier(settings.os_user), Identifier(LoaderRole(slot)));
  return text;
}

}  // namespace dbagent::datastore::postgresql
