#include "datastores/mysql/refused.h"

#include <algorithm>
#include <array>

#include "agent/base/quantity.h"
#include "datastores/mysql/words.h"

namespace dbagent::datastore::mysql {
namespace {

enum class Kind : std::uint8_t {
  kFree,  // an exception from a pattern below
  kProgram,
  kLibrary,
  kFile,
  kAuthentication,
  kPasswords,
  kData,
  kAccess,
  kAgent,
  kBackup,
  kReplication,
  kTls,
  kNetwork,
  kEncryption,
};

Refusal RefusalFor(Kind kind) {
  using enum ParameterAccess;
  switch (kind) {
    case Kind::kFree:
      return {kUser, ""};
    case Kind::kProgram:
      return {kForbidden, "it names a program that the server runs"};
    case Kind::kLibrary:
      return {kForbidden, "it loads code into the server"};
    case Kind::kFile:
      return {kForbidden, "it says which files the server reads or writes"};
    case Kind::kAuthentication:
      return {kForbidden, "it weakens how accounts are authenticated"};
    case Kind::kPasswords:
      return {kForbidden, "it writes secrets where others can read them"};
    case Kind::kData:
      return {kForbidden, "it puts the data at risk"};
    case Kind::kAccess:
      return {kForbidden, "it can shut the agent out of the server"};
    case Kind::kAgent:
      return {kSystem, "the agent sets where the server's files are and how it runs"};
    case Kind::kBackup:
      return {kSystem, "the agent sizes the redo log, which backups must be able to follow"};
    case Kind::kReplication:
      return {kSystem, "the agent sets what belongs to replication and the binary log"};
    case Kind::kTls:
      return {kSystem, "the agent sets what belongs to TLS"};
    case Kind::kNetwork:
      return {kSystem, "the agent sets where the server listens"};
    case Kind::kEncryption:
      return {kSystem, "encryption needs keys, which the agent does not manage yet"};
  }
  return {};
}

struct Rule {
  std::string_view pattern;  // `*` stands for any text
  Kind kind;
  bool texts_only = false;  // numbers and switches of such a name are harmless
};

// The first that fits decides.
constexpr std::array kRules = std::to_array<Rule>({
    // exceptions
    {"block_encryption_mode", Kind::kFree},
    {"log_bin_trust_function_creators", Kind::kFree},
    // what System() sets
    {"basedir", Kind::kAgent},
    {"datadir", Kind::kAgent},
    {"tmpdir", Kind::kAgent},
    {"pid_file", Kind::kAgent},
    {"plugin_load_add", Kind::kAgent},
    {"persisted_globals_load", Kind::kAgent},
    {"read_only", Kind::kAgent},
    {"secure_file_priv", Kind::kAgent},
    {"user", Kind::kAgent},
    {"innodb_redo_log_capacity", Kind::kBackup},
    {"innodb_log_file_size", Kind::kBackup},
    {"innodb_log_files_in_group", Kind::kBackup},
    {"innodb_dedicated_server", Kind::kBackup},
    {"socket", Kind::kNetwork},
    {"bind_address", Kind::kNetwork},
    {"port", Kind::kNetwork},
    {"skip_name_resolve", Kind::kNetwork},
    {"skip_networking", Kind::kNetwork},
    {"extra_port", Kind::kNetwork},
    {"extra_max_connections", Kind::kNetwork},
    {"mysqlx*", Kind::kNetwork},
    {"create_admin_listener_thread", Kind::kNetwork},
    // programs and code
    {"wsrep_notify_cmd", Kind::kProgram},
    {"wsrep_sst_*", Kind::kProgram},
    {"wsrep_provider*", Kind::kLibrary},
    {"wsrep_*", Kind::kReplication},
    {"*_cmd", Kind::kProgram, true},
    {"*_command", Kind::kProgram, true},
    {"gdb", Kind::kProgram},
    {"debug_gdb", Kind::kProgram},
    {"plugin_*", Kind::kLibrary},
    {"early_plugin_*", Kind::kLibrary},
    {"plugin", Kind::kLibrary},
    {"allow_suspicious_udfs", Kind::kLibrary},
    {"log_error_services", Kind::kLibrary},
    {"*_provider", Kind::kLibrary, true},
    {"*_library", Kind::kLibrary, true},
    // authentication
    {"skip_grant_tables", Kind::kAuthentication},
    {"old_passwords", Kind::kAuthentication},
    {"secure_auth", Kind::kAuthentication},
    {"default_authentication_plugin", Kind::kAuthentication},
    {"authentication_*", Kind::kAuthentication},
    {"mandatory_roles", Kind::kAuthentication},
    {"check_proxy_users", Kind::kAuthentication},
    {"*_proxy_users", Kind::kAuthentication},
    {"proxy_protocol_networks", Kind::kAuthentication},
    {"caching_sha2_password_*_key*", Kind::kAuthentication},
    {"caching_sha2_password_*storage_format", Kind::kAuthentication},
    {"sha256_password_*", Kind::kAuthentication},
    {"mysql_native_password*", Kind::kAuthentication},
    {"unix_socket", Kind::kAuthentication},
    {"safe_user_create", Kind::kAuthentication},
    {"old_style_user_limits", Kind::kAuthentication},
    {"persist_only_admin_x509_subject", Kind::kAuthentication},
    {"log_raw", Kind::kPasswords},
    {"core_file", Kind::kPasswords},
    {"innodb_buffer_pool_in_core_*", Kind::kPasswords},
    {"persist_sensitive_variables_in_plaintext", Kind::kPasswords},
    // data
    {"innodb_force_recovery", Kind::kData},
    {"innodb_force_load_corrupted", Kind::kData},
    {"innodb_doublewrite", Kind::kData},
    {"innodb_page_size", Kind::kData},
    {"innodb_checksum*", Kind::kData},
    {"innodb_log_checksums", Kind::kData},
    {"innodb_data_*", Kind::kData},
    {"innodb_temp_data_*", Kind::kFile},
    {"innodb_undo_tablespaces", Kind::kData},
    {"innodb_fast_shutdown", Kind::kData},
    {"lower_case_table_names", Kind::kData},
    {"ignore_builtin_innodb", Kind::kData},
    {"ignore_db_dirs", Kind::kData},
    {"disabled_storage_engines", Kind::kData},
    {"aria_block_size", Kind::kData},
    {"aria_force_start_after_recovery_failures", Kind::kData},
    {"myisam_block_size", Kind::kData},
    {"mysql56_temporal_format", Kind::kData},
    {"skip_external_locking", Kind::kData},
    {"external_locking", Kind::kData},
    {"tc_heuristic_recover", Kind::kData},
    {"upgrade", Kind::kData},
    {"initialize*", Kind::kData},
    {"bootstrap", Kind::kData},
    // access
    {"super_read_only", Kind::kAccess},
    {"innodb_read_only", Kind::kAccess},
    {"offline_mode", Kind::kAccess},
    {"chroot", Kind::kAccess},
    {"daemonize", Kind::kAccess},
    // replication and the binary log's place
    {"server_id*", Kind::kReplication},
    {"server_uuid", Kind::kReplication},
    {"gtid_*", Kind::kReplication},
    {"enforce_gtid_consistency", Kind::kReplication},
    {"log_bin", Kind::kReplication},
    {"log_bin_*", Kind::kReplication},
    {"log_basename", Kind::kReplication},
    {"relay_log*", Kind::kReplication},
    {"*max_relay_log_size", Kind::kReplication},
    {"sync_relay_log*", Kind::kReplication},
    {"sync_master_info", Kind::kReplication},
    {"sync_source_info", Kind::kReplication},
    {"replica_*", Kind::kReplication},
    {"replicate_*", Kind::kReplication},
    {"replication_*", Kind::kReplication},
    {"slave_*", Kind::kReplication},
    {"master_*", Kind::kReplication},
    {"source_*", Kind::kReplication},
    {"rpl_*", Kind::kReplication},
    {"report_*", Kind::kReplication},
    {"group_replication_*", Kind::kReplication},
    {"init_slave", Kind::kReplication},
    {"init_replica", Kind::kReplication},
    {"init_rpl_role", Kind::kReplication},
    {"skip_slave_start", Kind::kReplication},
    {"skip_replica_start", Kind::kReplication},
    {"log_slave_updates", Kind::kReplication},
    {"log_replica_updates", Kind::kReplication},
    {"read_binlog_speed_limit", Kind::kReplication},
    // TLS and keys
    {"ssl*", Kind::kTls},
    {"tls_*", Kind::kTls},
    {"admin_*", Kind::kTls},
    {"auto_generate_certs", Kind::kTls},
    {"require_secure_transport", Kind::kTls},
    {"block_encryption*", Kind::kEncryption},
    {"*encrypt*", Kind::kEncryption},
    {"keyring_*", Kind::kEncryption},
    {"des_key_file", Kind::kEncryption},
    // files
    {"log_error", Kind::kFile},
    {"log_tc", Kind::kFile},
    {"*dir", Kind::kFile, true},
    {"*_dir_*", Kind::kFile, true},
    {"*_dirs", Kind::kFile, true},
    {"*_directory", Kind::kFile, true},
    {"*_directories", Kind::kFile, true},
    {"*_file", Kind::kFile, true},
    {"*filename", Kind::kFile, true},
    {"*_path", Kind::kFile, true},
    {"*_home*", Kind::kFile, true},
    {"*_basename", Kind::kFile, true},
    {"*_index", Kind::kFile, true},
    {"feedback*", Kind::kProgram},
});

struct Range {
  std::string_view name;
  WideInteger least;
  std::string_view why;
};

constexpr std::string_view kSessions = "the agent and its tools need sessions of their own";
constexpr std::array kRanges = std::to_array<Range>({
    {"max_connections", 10, kSessions},
    {"max_allowed_packet", 1 << 20, "the agent's statements would not fit"},
    {"thread_stack", 256 << 10, "sessions would end for lack of stack"},
    {"open_files_limit", 1024, "the server could not open its tables"},
    {"connect_timeout", 5, "slow logins would fail"},
    {"max_prepared_stmt_count", 100, "the agent prepares its statements"},
});

struct Word {
  std::string_view name, value, why;
};
constexpr std::array kWords = std::to_array<Word>({
    {"thread_handling", "no-threads", "one session would shut out all others"},
    {"innodb_flush_method", "nosync", "a power cut would lose data"},
    {"innodb_flush_method", "littlesync", "a power cut would lose data"},
    {"enforce_storage_engine", "*", "dumps could not be loaded as they were"},
});

}  // namespace

std::optional<Refusal> RefusalOf(std::string_view name, std::optional<ParameterType> type) {
  const bool text = !type || *type == ParameterType::kString || *type == ParameterType::kSet;
  const auto* const found = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& rule) {
    return (text || !rule.texts_only) && Fits(name, rule.pattern);
  });
  if (found == kRules.end() || found->kind == Kind::kFree) return std::nullopt;
  return RefusalFor(found->kind);
}

std::optional<std::string> RefusalOfValue(std::string_view name, std::string_view value) {
  const std::optional<WideInteger> number = ParseWideInteger(value);
  // 0 is none; -1 admits administrators only
  if (name == "max_user_connections" && number && *number != 0 && *number < 10)
    return fmt::format("is {}, allowed are 0 and 10 or more: {}", value, kSessions);
  if (name == "protocol_compression_algorithms" &&
      value.find("uncompressed") == std::string_view::npos) {
    return fmt::format("is {}, without uncompressed: the agent and its tools do not compress",
                       value);
  }
  for (const Range& range : kRanges) {
    if (range.name != name || !number) continue;
    // 0 lets the server choose
    if (name == "open_files_limit" && *number == 0) continue;
    if (*number < range.least)
      return fmt::format("is {}, the least is {}: {}", value, ToText(range.least), range.why);
  }
  for (const Word& word : kWords) {
    if (word.name == name && !value.empty() && Fits(Lower(value), word.value))
      return fmt::format("is {}: {}", value, word.why);
  }
  return std::nullopt;
}

}  // namespace dbagent::datastore::mysql
