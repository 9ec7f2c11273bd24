#include "datastores/postgresql/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
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

std::string ListenAddresses(const ServerSettings& settings, const ConfigureSpec& spec) {
  const std::string loopback = "127.0.0.1,::1";
  if (spec.allowed_networks.empty() || settings.bind_addresses.empty()) return loopback;
  std::string list;
  for (const std::string& address : settings.bind_addresses) {
    if (address == "*") return "*";
    list += (list.empty() ? "" : ",") + address;
  }
  return list;
}

std::string Size(std::uint64_t bytes, std::uint64_t least, std::uint64_t most) {
  return fmt::format("{}MB", std::clamp(bytes, least, most) / kMiB);
}

std::string Sizes(std::uint64_t memory) {
  const std::uint64_t connections = std::clamp<std::uint64_t>(memory / (8 * kMiB), 50, 1000);
  std::string text = fmt::format("max_connections = {}\n", connections);
  text += "shared_buffers = " + Size(memory / 4, 16 * kMiB, memory) + "\n";
  text += "effective_cache_size = " + Size(memory / 4 * 3, 32 * kMiB, ~0ULL) + "\n";
  text += "maintenance_work_mem = " + Size(memory / 16, 16 * kMiB, 2048 * kMiB) + "\n";
  // a query may use it several times over; a quarter of the memory for all connections together
  text += "work_mem = " + Size(memory / 4 / connections, 4 * kMiB, 256 * kMiB) + "\n";
  return text;
}

}  // namespace

Status CheckConfiguration(const ServerSettings& settings, const ConfigureSpec& spec) {
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

std::string MainConfiguration(const ServerSettings& settings, const ConfigureSpec& spec) {
  const auto quoted = [](const os::Path& path) { return ConfigurationValue(path.string()); };
  const os::Volume& volume = settings.volume;
  std::string text = "# Written by dbagentd; changes made here are lost.\n";
  text += "data_directory = " + quoted(volume.current() / "data") + "\n";
  text += "hba_file = " + quoted(volume.config() / kHostFile) + "\n";
  text += "ident_file = " + quoted(volume.config() / kIdentFile) + "\n";
  // a list, whose elements are quoted like names
  text += "unix_socket_directories = " +
          ConfigurationValue(Identifier(settings.runtime_directory.string())) + "\n";
  text += "unix_socket_permissions = 0700\n";
  text += "listen_addresses = " + ConfigurationValue(ListenAddresses(settings, spec)) + "\n";
  text += fmt::format("port = {}\n", settings.port);
  text += "password_encryption = 'scram-sha-256'\n";
  // the agent must get in however many connections the users take
  text += "superuser_reserved_connections = 5\n";
  text += Sizes(spec.memory_bytes);
  // a dump locks every table of a database in one transaction, and a load makes them in one
  text += "max_locks_per_transaction = 256\n";
  // only a restored cluster asks it: its recovery ends where the backup's own log does, and a new
  // timeline begins
  text += "restore_command = '/bin/false'\n";
  // stderr is the log: whoever runs the server appends it to a file
  text +=
      "logging_collector = off\nlog_destination = 'stderr'\nlog_line_prefix = '%m [%p] %q%u@%d '\n";
  text += "log_timezone = 'UTC'\ntimezone = 'UTC'\nlc_messages = 'C'\n";
  return text;
}

std::string HostConfiguration(const ServerSettings& settings, const ConfigureSpec& spec) {
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
