#include "datastores/mysql/configuration.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "datastores/mysql/layout.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

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

// Nobody may log in from anywhere else when no network is allowed: then loopback only, whatever the
// settings say.
Result<std::string> BindAddress(const ServerSettings& settings, const Dialect& dialect,
                                const ConfigureSpec& spec) {
  std::string all;
  for (const std::string& address : settings.bind_addresses) {
    if (address != "*" && AddressBits(address) == 0) return Invalid("IP address", address);
    if (!all.empty()) all += ",";
    all += address;
  }
  for (const std::string& network : spec.allowed_networks) RETURN_IF_ERROR(CheckNetwork(network));
  if (spec.allowed_networks.empty() || all.empty()) return std::string("127.0.0.1");
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

// An option file keeps a value in quotes as it is but for backslashes and the quote itself.
std::string OptionValue(const os::Path& path) {
  std::string out = "\"";
  for (char c : path.native()) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The buffer pool takes half of the memory, less where there is little: a server without any has
// some 150 MiB.
std::uint64_t BufferPoolBytes(std::uint64_t memory) {
  const std::uint64_t share = memory >= 2048 * kMiB   ? memory / 2
                              : memory >= 1024 * kMiB ? memory / 3
                                                      : memory / 8;
  return std::max(share / kMiB, std::uint64_t{16}) * kMiB;
}

}  // namespace

Result<std::string> ConfigurationText(const ServerSettings& settings, const Dialect& dialect,
                                      const ConfigureSpec& spec) {
  ASSIGN_OR_RETURN(const std::string bind_address, BindAddress(settings, dialect, spec));
  const Layout layout(settings);
  const std::uint64_t pool = BufferPoolBytes(spec.memory_bytes);
  const std::uint64_t redo =
      std::clamp(pool / 4 / kMiB, std::uint64_t{16}, std::uint64_t{2048}) * kMiB;
  std::string text = fmt::format(
      "# Written by dbagentd; changes are lost.\n"
      "[mysqld]\n"
      "basedir = {}\n"
      "datadir = {}\n"
      "tmpdir = {}\n"
      "socket = {}\n"
      "pid-file = {}\n"
      "bind-address = {}\n"
      "port = {}\n"
      "skip-name-resolve\n"
      "local-infile = 0\n"
      "character-set-server = utf8mb4\n"
      "innodb-buffer-pool-size = {}\n",
      OptionValue(layout.prefix), OptionValue(layout.data), OptionValue(layout.temporary),
      OptionValue(layout.socket), OptionValue(layout.pid_file), bind_address,
      settings.port == 0 ? 3306 : settings.port, pool);
  for (const std::string& line : dialect.ConfigurationLines(redo)) text += line + "\n";
  return text;
}

}  // namespace dbagent::datastore::mysql
