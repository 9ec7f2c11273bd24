#include "datastores/postgresql/system_values.h"

#include "datastores/postgresql/config.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

std::string ListenAddresses(const ServerSettings& settings, const ConfigurationSet& set) {
  const std::string loopback = "127.0.0.1,::1";
  if (set.allowed_networks.empty() || settings.bind_addresses.empty()) return loopback;
  std::string list;
  for (const std::string& address : settings.bind_addresses) {
    if (address == "*") return "*";
    list += (list.empty() ? "" : ",") + address;
  }
  return list;
}

}  // namespace

Values ConstantValues(const ServerSettings& settings) {
  const os::Path config = settings.volume.config();
  return {
      {"data_directory", settings.volume.current() / "data"},
      {"hba_file", config / kHostFile},
      {"ident_file", config / kIdentFile},
      // a list, whose elements are quoted like names
      {"unix_socket_directories", Identifier(settings.runtime_directory.string())},
      // the agent is of the socket's group, which its directory gives it
      {"unix_socket_permissions", settings.separate() ? "0770" : "0700"},
      {"port", std::to_string(settings.port)},
      {"password_encryption", "scram-sha-256"},
      // the agent must get in however many connections the users take
      {"superuser_reserved_connections", "5"},
      // physical backups come by the replication protocol
      {"wal_level", "replica"},
      {"max_wal_senders", "10"},
      {"max_replication_slots", "10"},
      {"archive_mode", "off"},
      // only a restored cluster asks it: its recovery ends where the backup's own log does, and a
      // new timeline begins
      {"restore_command", "/bin/false"},
      // Nobody reads from a cluster that is being restored: with it recovery would refuse a
      // max_connections below that of the server that was backed up.
      {"hot_standby", "off"},
      // stderr is the log: whoever runs the server appends it to a file
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      {"log_line_prefix", "%m [%p] %q%u@%d "},
      {"log_timezone", "UTC"},
      // the agent reads the server's words
      {"lc_messages", "C"},
  };
}

Values ScratchValues(std::uint32_t major) {
  Values values = {
      {"listen_addresses", ""},
      // workers that would act on what the data says: subscriptions, vacuum, libraries
      {"max_logical_replication_workers", "0"},
      {"autovacuum", "off"},
      {"shared_preload_libraries", ""},
      {"session_preload_libraries", ""},
      {"local_preload_libraries", ""},
      {"primary_conninfo", ""},
      {"max_parallel_workers", "0"},
      {"max_connections", "20"},
      {"max_wal_senders", "0"},
      // those that the data holds are kept in memory
      {"max_prepared_transactions", "200"},
      {"shared_buffers", "64MB"},
      {"maintenance_work_mem", "64MB"},
      {"work_mem", "8MB"},
      {"max_wal_size", "256MB"},
      // it is thrown away, whatever becomes of the machine
      {"fsync", "off"},
      {"full_page_writes", "off"},
      {"synchronous_commit", "off"},
      // a page that its checksum does not fit is to be told
      {"ignore_checksum_failure", "off"},
      {"zero_damaged_pages", "off"},
  };
  if (HasEventTriggersSwitch(major)) values["event_triggers"] = "off";
  return values;
}

Values SystemValues(const ServerSettings& settings, const ConfigurationSet& set) {
  Values values = ConstantValues(settings);
  values["listen_addresses"] = ListenAddresses(settings, set);
  return values;
}

}  // namespace dbagent::datastore::postgresql
