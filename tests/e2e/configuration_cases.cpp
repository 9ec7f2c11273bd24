#include "tests/e2e/configuration_cases.h"

#include "tests/support/server_traits.h"

namespace dbagent::tests {
namespace {

using Case = ConfigurationCase;
using Want = ConfigurationCase::Want;
using Cases = std::vector<Case>;

const char* const kUnknown = "PARAMETER_UNKNOWN";
const char* const kForbidden = "PARAMETER_FORBIDDEN";
const char* const kSystem = "PARAMETER_SYSTEM";
const char* const kReadOnly = "PARAMETER_READ_ONLY";
const char* const kInvalid = "VALUE_INVALID";
const char* const kRange = "VALUE_OUT_OF_RANGE";
const char* const kValueForbidden = "VALUE_FORBIDDEN";
const char* const kMemory = "MEMORY_EXCEEDED";

Case Refused(std::map<std::string, std::string> group, const char* reason) {
  return {std::move(group), Want::kRefused, reason};
}

void Add(Cases& to, Cases more) {
  to.insert(to.end(), more.begin(), more.end());
}

Cases MysqlFamily() {
  return {
      // valid at once
      {{{"max_connections", "30"}}, Want::kLive},
      {{{"max_connections", "31"}, {"wait_timeout", "30s"}}, Want::kLive},
      {{{"WAIT-TIMEOUT", "10min"}}, Want::kLive},
      {{{"long_query_time", "0.5"}, {"slow_query_log", "on"}}, Want::kLive},
      {{{"sql_mode", "strict_trans_tables,no_zero_date"}}, Want::kLive},
      {{{"event_scheduler", "ON"}}, Want::kLive},
      {{{"character_set_server", "latin1"}, {"collation_server", "latin1_bin"}}, Want::kLive},
      {{{"max_allowed_packet", "16M"}}, Want::kLive},
      {{{"max_allowed_packet", "32MB"}, {"net_read_timeout", "60"}}, Want::kLive},
      {{{"innodb_flush_log_at_trx_commit", "2"}, {"sync_binlog", "10"}}, Want::kLive},
      {{{"general_log", "1"}}, Want::kLive},
      {{{"init_connect", "SET @greeting = 'it''s \"me\" # \\ ;'"}}, Want::kLive},
      {{{"tmp_table_size", "8M"}, {"max_heap_table_size", "8M"}}, Want::kLive},
      {{{"log_output", "TABLE"}}, Want::kLive},
      {{{"log_output", "file,table"}}, Want::kLive},
      {{{"local_infile", "true"}}, Want::kLive},
      {{}, Want::kLive},
      // valid at a restart
      {{{"back_log", "70"}}, Want::kPending},
      {{{"back_log", "71"}, {"wait_timeout", "500"}}, Want::kPending},
      {{{"back_log", "71"}, {"wait_timeout", "501"}}, Want::kRestarted},
      {{{"ft_min_word_len", "3"}, {"innodb_ft_min_token_size", "2"}}, Want::kRestarted},
      {{{"thread_stack", "512K"}}, Want::kRestarted},
      {{{"table_open_cache_instances", "4"}, {"max_connections", "25"}}, Want::kRestarted},
      {{}, Want::kRestarted},
      // unknown, and other spellings of the forbidden
      Refused({{"nosuch", "1"}}, kUnknown),
      Refused({{"max_conections", "50"}}, kUnknown),
      Refused({{"max-connection", "50"}}, kUnknown),
      Refused({{"plugin_dir", "/tmp"}}, kForbidden),
      Refused({{"PLUGIN-DIR", "/tmp"}}, kForbidden),
      Refused({{"loose_plugin_dir", "/tmp"}}, kForbidden),
      Refused({{"init_file", "/tmp/x.sql"}}, kForbidden),
      Refused({{"Loose-Init-File", "/tmp/x.sql"}}, kForbidden),
      Refused({{"general_log_file", "/etc/cron.d/x"}}, kForbidden),
      Refused({{"slow_query_log_file", "/etc/cron.d/x"}}, kForbidden),
      Refused({{"log_error", "/tmp/x"}}, kForbidden),
      Refused({{"character_sets_dir", "/tmp"}}, kForbidden),
      Refused({{"innodb_data_home_dir", "/tmp"}}, kForbidden),
      Refused({{"innodb_force_recovery", "6"}}, kForbidden),
      Refused({{"lower_case_table_names", "1"}}, kForbidden),
      Refused({{"innodb_page_size", "3000"}}, kForbidden),
      // the agent's
      Refused({{"datadir", "/tmp"}}, kSystem),
      Refused({{"port", "22"}}, kSystem),
      Refused({{"socket", "/tmp/s"}}, kSystem),
      Refused({{"bind_address", "*"}}, kSystem),
      Refused({{"server_id", "9"}}, kSystem),
      Refused({{"secure_file_priv", "/"}}, kSystem),
      Refused({{"read_only", "1"}}, kSystem),
      Refused({{"version", "1"}}, kReadOnly),
      // values
      Refused({{"max_connections", "abc"}}, kInvalid),
      Refused({{"max_connections", ""}}, kInvalid),
      Refused({{"max_connections", "1000000000"}}, kRange),
      Refused({{"wait_timeout", "0"}}, kRange),
      Refused({{"wait_timeout", "2GB"}}, kInvalid),
      Refused({{"long_query_time", "-1"}}, kRange),
      Refused({{"event_scheduler", "maybe"}}, kInvalid),
      Refused({{"sql_mode", "strict_trans_tables,foo"}}, kInvalid),
      Refused({{"slow_query_log", "perhaps"}}, kInvalid),
      Refused({{"character_set_server", "klingon"}}, kInvalid),
      Refused({{"default_storage_engine", "NOSUCH"}}, kInvalid),
      Refused({{"init_connect", "SET @x=1\nskip-grant-tables"}}, kInvalid),
      Refused({{"wait_timeout", "5"}, {"WAIT-TIMEOUT", "6"}}, "PARAMETER_DUPLICATE"),
      Refused({{"nosuch", "1"},
               {"datadir", "x"},
               {"max_connections", "abc"},
               {"init_file", "x"},
               {"wait_timeout", "0"}},
              kForbidden),
      // deadly
      Refused({{"innodb_buffer_pool_size", "100TB"}}, kMemory),
      Refused({{"innodb_buffer_pool_size", "1100MB"}}, kMemory),
      Refused({{"max_connections", "50000"}}, kMemory),
  };
}

Cases MariaDb() {
  return {
      {{{"tx_isolation", "read-committed"}}, Want::kLive},
      Refused({{"max_connections", "5"}}, kRange),
      Refused({{"plugin_maturity", "unknown"}}, kForbidden),
      Refused({{"wsrep_provider", "/tmp/x.so"}}, kForbidden),
      // read, checked, and refused by InnoDB when it starts: there is no such address space
      {{{"innodb_buffer_pool_size_max", "1000TB"}}, Want::kPending},
      {{{"innodb_buffer_pool_size_max", "1000TB"}, {"wait_timeout", "70"}},
       Want::kFails,
       "CONFIGURATION_ROLLED_BACK"},
  };
}

Cases Mysql() {
  return {
      {{{"transaction_isolation", "read-committed"}}, Want::kLive},
      Refused({{"max_connections", "5"}}, kValueForbidden),
      Refused({{"persisted_globals_load", "ON"}}, kSystem),
      Refused({{"mandatory_roles", "root"}}, kForbidden),
      Refused({{"super_read_only", "1"}}, kForbidden),
  };
}

Cases Postgresql() {
  return {
      // valid at once
      {{{"work_mem", "8MB"}}, Want::kLive},
      {{{"work_mem", "8192"}, {"maintenance_work_mem", "16MB"}}, Want::kLive},
      {{{"WORK_MEM", "6MB"}}, Want::kLive},
      {{{"statement_timeout", "30s"}}, Want::kLive},
      {{{"statement_timeout", "1s"}, {"lock_timeout", "500ms"}}, Want::kLive},
      {{{"default_transaction_read_only", "on"}}, Want::kLive},
      {{{"default_transaction_isolation", "serializable"}}, Want::kLive},
      {{{"log_min_duration_statement", "1s"}}, Want::kLive},
      {{{"log_statement", "ddl"}}, Want::kLive},
      {{{"search_path", "\"$user\", public"}}, Want::kLive},
      {{{"search_path", "x"}, {"datestyle", "German"}}, Want::kLive},
      {{{"timezone", "Australia/Melbourne"}}, Want::kLive},
      {{{"random_page_cost", "1.1"}, {"effective_io_concurrency", "0"}}, Want::kLive},
      {{{"autovacuum_naptime", "2min"}}, Want::kLive},
      {{{"checkpoint_timeout", "10min"}, {"max_wal_size", "2GB"}}, Want::kLive},
      {{{"application_name", "it's # \\ \"x\" "}}, Want::kLive},
      {{{"application_name", ""}}, Want::kLive},
      {{{"idle_in_transaction_session_timeout", "5min"}}, Want::kLive},
      {{{"synchronous_commit", "off"}, {"commit_delay", "10"}}, Want::kLive},
      {{}, Want::kLive},
      // valid at a restart
      {{{"max_connections", "60"}}, Want::kPending},
      {{{"max_connections", "60"}, {"work_mem", "5MB"}}, Want::kPending},
      {{{"max_connections", "60"}, {"work_mem", "5MB"}}, Want::kRestarted},
      {{{"shared_buffers", "200MB"}}, Want::kRestarted},
      {{{"shared_preload_libraries", "pg_stat_statements"}, {"max_worker_processes", "10"}},
       Want::kRestarted},
      {{{"track_commit_timestamp", "on"}, {"autovacuum_max_workers", "2"}}, Want::kRestarted},
      {{}, Want::kRestarted},
      // unknown, and other spellings of the forbidden
      Refused({{"nosuch", "1"}}, kUnknown),
      Refused({{"work_men", "8MB"}}, kUnknown),
      Refused({{"my.custom", "8MB"}}, kUnknown),
      Refused({{"archive_command", "touch /tmp/x"}}, kForbidden),
      Refused({{"ARCHIVE_COMMAND", "touch /tmp/x"}}, kForbidden),
      Refused({{"archive-command", "touch /tmp/x"}}, kForbidden),
      Refused({{"archive_library", "x"}}, kForbidden),
      Refused({{"session_preload_libraries", "x"}}, kForbidden),
      Refused({{"local_preload_libraries", "x"}}, kForbidden),
      Refused({{"dynamic_library_path", "/tmp"}}, kForbidden),
      Refused({{"jit_provider", "x"}}, kForbidden),
      Refused({{"log_directory", "/tmp"}}, kForbidden),
      Refused({{"fsync", "off"}}, kForbidden),
      Refused({{"full_page_writes", "off"}}, kForbidden),
      Refused({{"zero_damaged_pages", "on"}}, kForbidden),
      Refused({{"db_user_namespace", "on"}}, kForbidden),
      Refused({{"shared_preload_libraries", "pg_stat_statements, /tmp/evil"}}, kValueForbidden),
      Refused({{"shared_preload_libraries", "nosuch"}}, kValueForbidden),
      Refused({{"shared_preload_libraries", "$libdir/pg_stat_statements"}}, kValueForbidden),
      // the agent's
      Refused({{"port", "22"}}, kSystem),
      Refused({{"listen_addresses", "*"}}, kSystem),
      Refused({{"wal_level", "minimal"}}, kSystem),
      Refused({{"max_wal_senders", "0"}}, kSystem),
      Refused({{"ssl", "off"}}, kSystem),
      Refused({{"hba_file", "/tmp/x"}}, kForbidden),
      Refused({{"data_directory", "/tmp"}}, kForbidden),
      Refused({{"password_encryption", "md5"}}, kForbidden),
      Refused({{"server_version", "1"}}, kReadOnly),
      // values
      Refused({{"work_mem", "abc"}}, kInvalid),
      Refused({{"work_mem", "8XB"}}, kInvalid),
      Refused({{"work_mem", "1kB"}}, kRange),
      Refused({{"work_mem", ""}}, kInvalid),
      Refused({{"statement_timeout", "2GB"}}, kInvalid),
      Refused({{"random_page_cost", "-5"}}, kRange),
      Refused({{"log_statement", "some"}}, kInvalid),
      Refused({{"autovacuum", "perhaps"}}, kInvalid),
      Refused({{"timezone", "Mars/Olympus"}}, kInvalid),
      Refused({{"datestyle", "blah"}}, kInvalid),
      Refused({{"search_path", "a\nport = 1"}}, kInvalid),
      Refused({{"work_mem", "8MB"}, {"WORK_MEM", "9MB"}}, "PARAMETER_DUPLICATE"),
      Refused({{"nosuch", "1"}, {"port", "1"}, {"work_mem", "abc"}, {"fsync", "off"}}, kForbidden),
      // deadly
      Refused({{"shared_buffers", "100TB"}}, kRange),
      Refused({{"shared_buffers", "4TB"}}, kMemory),
      Refused({{"shared_buffers", "1100MB"}}, kMemory),
      Refused({{"max_connections", "200000"}}, kMemory),
      // read and checked, and refused by the kernel when it starts
      {{{"huge_pages", "on"}}, Want::kPending},
      {{{"huge_pages", "on"}, {"work_mem", "5MB"}}, Want::kFails, "CONFIGURATION_ROLLED_BACK"},
      {{{"work_mem", "5MB"}}, Want::kLive},
  };
}

}  // namespace

Cases ConfigurationCases() {
  if (TheTraits().kind == "postgresql") return Postgresql();
  Cases cases = MysqlFamily();
  Add(cases, TheTraits().product == "MariaDB" ? MariaDb() : Mysql());
  cases.push_back({{{"wait_timeout", "77"}}, Want::kLive});
  return cases;
}

}  // namespace dbagent::tests
