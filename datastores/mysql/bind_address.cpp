#include "datastores/mysql/bind_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace dbagent::datastore::mysql {
namespace {

Status Invalid(std::string_view what, std::string_view value) {
  return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
               "unable to configure the server: '{}' is no {}", value, what);
}

// The width of an address of this text in bits, 0 when it is none.
unsigned AddressBits(const std::string& text) {
  in6_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return 32;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1 ? 128 : 0;
}

Status CheckNetwork(const std::string& network) {
  const std::size_t slash = network.find('/');
  const unsigned width = AddressBits(network.substr(0, slash));
  unsigned bits = 0;
  bool is_number = false;
  if (slash != std::string::npos) {
    const char* end = network.data() + network.size();
    const auto parsed = std::from_chars(network.data() + slash + 1, end, bits);
    is_number = parsed.ec == std::errc() && parsed.ptr == end;
  }
  return width > 0 && is_number && bits <= width ? Ok() : Invalid("network in CIDR form", network);
}

}  // namespace

Result<std::string> BindAddress(const ServerSettings& settings, const Dialect& dialect,
                                const std::vector<std::string>& allowed_networks) {
  std::string all;
  for (const std::string& address : settings.bind_addresses) {
    if (address != "*" && AddressBits(address) == 0) return Invalid("IP address", address);
    if (!all.empty()) all += ",";
    all += address;
  }
  for (const std::string& network : allowed_networks) RETURN_IF_ERROR(CheckNetwork(network));
  if (allowed_networks.empty() || all.empty()) return std::string("127.0.0.1");
  if (std::find(settings.bind_addresses.begin(), settings.bind_addresses.end(), "*") !=
      settings.bind_addresses.end()) {
    return std::string("*");
  }
  if (settings.bind_addresses.size() > 1 && !dialect.several_bind_addresses()) {
    return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
                 "unable to configure the server: this MariaDB listens on one address or on all")
        .WithHint("give one bind address, or *");
  }
  return all;
}

}  // namespace dbagent::datastore::mysql
