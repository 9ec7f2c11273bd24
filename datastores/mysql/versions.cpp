#include "datastores/mysql/versions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

namespace dbagent::datastore::mysql {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kLeastMariaDbRedo = 96 * kMiB;

// MySQL's threads for asynchronous I/O look each half second whether the server ends.
constexpr const char* kStopSoon = "--innodb-use-native-aio=OFF";

struct Accepted {
  std::uint32_t major, first_minor, last_minor;
};
constexpr std::uint32_t kAnyMinor = ~0U;
constexpr std::array<Accepted, 2> kMariaDb = {{{10, 6, kAnyMinor}, {11, 0, kAnyMinor}}};
constexpr std::array<Accepted, 3> kMySql = {{{8, 0, 0}, {8, 4, 4}, {9, 0, kAnyMinor}}};

template <std::size_t N>
bool IsIn(const std::array<Accepted, N>& all, const Version& version) {
  return std::any_of(all.begin(), all.end(), [&](const Accepted& one) {
    return version.major == one.major && version.minor >= one.first_minor &&
           version.minor <= one.last_minor;
  });
}

std::string_view ProductName(bool mariadb) {
  return mariadb ? "MariaDB" : "MySQL";
}

}  // namespace

std::optional<Version> ParseVersion(std::string_view output) {
  const std::size_t at = output.find(" Ver ");
  if (at == std::string_view::npos) return std::nullopt;
  output.remove_prefix(output.find_first_not_of(' ', at + 5));
  const std::string_view word = output.substr(0, output.find(' '));
  Version version;
  version.mariadb = word.find("MariaDB") != std::string_view::npos;
  version.text = word.substr(0, word.find_first_not_of("0123456789."));
  const char* end = version.text.data() + version.text.size();
  const auto major = std::from_chars(version.text.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end) return std::nullopt;
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) return std::nullopt;
  return version;
}

Status CheckAccepted(const Version& version, bool allow_unknown_major) {
  if (version.mariadb ? IsIn(kMariaDb, version) : IsIn(kMySql, version)) return Ok();
  const bool newer =
      version.major > (version.mariadb ? kMariaDb.back().major : kMySql.back().major);
  if (newer && allow_unknown_major) return Ok();
  return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
               "unable to use {} {}: this version is not supported", ProductName(version.mariadb),
               version.text)
      .WithHint(newer ? "set allow_unknown_major to try this newer server"
                      : "MariaDB 10.6 to 11.8 and MySQL 8.0, 8.4 and 9.x are");
}

std::array<std::uint32_t, 3> VersionNumbers(const std::string& version) {
  std::array<std::uint32_t, 3> numbers{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (std::uint32_t& number : numbers) {
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc()) break;
    at = parsed.ptr == end ? end : parsed.ptr + 1;
  }
  return numbers;
}

Status CheckDataVersion(const DatastoreInfo& installed, const std::string& version) {
  const auto theirs = VersionNumbers(version), ours = VersionNumbers(installed.version);
  if (std::tie(theirs[0], theirs[1]) <= std::tie(ours[0], ours[1])) return Ok();
  return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
               "its data is of {} {}, and {} is installed, which cannot go back to it",
               installed.product, version, installed.version)
      .WithHint(fmt::format("install {} {}.{} or a later series", installed.product, theirs[0],
                            theirs[1]));
}

DatastoreInfo InfoOf(const Version& version) {
  return {"mysql", std::string(ProductName(version.mariadb)), version.text, version.major};
}

Dialect::Dialect(const DatastoreInfo& info)
    : mariadb_(info.product == "MariaDB"), major_(info.major), product_(info.product) {
  const std::size_t dot = info.version.find('.');
  if (dot == std::string::npos) return;
  std::from_chars(info.version.data() + dot + 1, info.version.data() + info.version.size(), minor_);
}

bool Dialect::several_bind_addresses() const {
  return !mariadb_ || major_ > 10 || minor_ >= 11;
}

void Dialect::AddTemplateValues(std::uint64_t memory_bytes, Values& values) const {
  const auto share = [&](std::uint64_t divisor, std::uint64_t least, std::uint64_t most) {
    return std::to_string(std::clamp(memory_bytes / divisor / kMiB, least, most) * kMiB);
  };
  if (mariadb_) {
    values["aria_pagecache_buffer_size"] = share(32, 8, 256);
    values["performance_schema"] = "OFF";
    values["query_cache_size"] = "0";
    values["query_cache_type"] = "OFF";
    values["thread_stack"] = "299008";
    return;
  }
  values["binlog_expire_logs_seconds"] = "259200";  // three days; the default is thirty
  // with a binary log, users' functions are refused otherwise
  values["log_bin_trust_function_creators"] = "ON";
  values["performance_schema"] = memory_bytes < 1024 * kMiB ? "OFF" : "ON";
  values["temptable_max_ram"] = share(32, 8, 1024);
  values["thread_stack"] = "1048576";
}

void Dialect::AddSystemValues(std::uint64_t redo_bytes, Values& values) const {
  if (mariadb_) {
    // A physical backup copies the log while it is written, and fails when it is overtaken: never
    // less than the server's own default.
    values["innodb_log_file_size"] = std::to_string(std::max(redo_bytes, kLeastMariaDbRedo));
    return;
  }
  values["innodb_redo_log_capacity"] = std::to_string(redo_bytes);
  values["mysqlx"] = "OFF";
  // nothing that a user persisted may come after these files
  values["persisted_globals_load"] = "OFF";
  values["plugin_load_add"] = "auth_socket.so";
  values["secure_file_priv"] = "NULL";
}

std::uint64_t Dialect::program_memory() const {
  return (mariadb_ ? 70 : 150) * kMiB;
}

std::uint64_t Dialect::performance_schema_memory() const {
  return (mariadb_ ? 100 : 260) * kMiB;
}

std::string Dialect::OptionOf(const std::string& parameter) const {
  if (parameter == "time_zone") return "default_time_zone";
  if (parameter == "tx_isolation") return "transaction_isolation";
  if (parameter == "tx_read_only") return "transaction_read_only";
  return parameter;
}

std::string Dialect::ParameterOf(const std::string& option) const {
  if (option == "default_time_zone") return "time_zone";
  const bool short_names = mariadb_ && (major_ < 11 || (major_ == 11 && minor_ < 1));
  if (short_names && option == "transaction_isolation") return "tx_isolation";
  if (short_names && option == "transaction_read_only") return "tx_read_only";
  return option;
}

std::vector<std::string> Dialect::TryStartOptions() const {
  if (mariadb_) return {"--verbose", "--help"};
  return {"--validate-config"};
}

std::vector<std::string> Dialect::DumpOptions() const {
  // with what system-versioned tables held earlier; the tools before 10.11 cannot
  if (mariadb_) return {"--loose-dump-history"};
  // loose: older ones do not know it, and a server whose max_execution_time is too short for a
  // table then ends their dump with an error
  return {"--set-gtid-purged=OFF", "--no-tablespaces",
          "--loose-init-command=SET SESSION max_execution_time = 0"};
}

std::vector<std::string> Dialect::InitialiseArguments(const ServerSettings& settings) const {
  if (!mariadb_) return {"--initialize-insecure", "--secure-file-priv=NULL", kStopSoon};
  // force: also where no name can be looked up; the accounts for names go at the first start
  return {"--auth-root-authentication-method=socket", "--auth-root-socket-user=" + settings.os_user,
          "--skip-test-db", "--force"};
}

std::vector<std::string> Dialect::FirstStartOptions() const {
  if (mariadb_) return {};
  return {"--mysqlx=OFF", "--secure-file-priv=NULL", "--plugin-load-add=auth_socket.so",
          "--skip-log-bin", kStopSoon};
}

std::vector<std::string> Dialect::QuietOptions() const {
  if (mariadb_) return {};
  return {"--performance-schema=OFF", kStopSoon};
}

std::string Dialect::AccountsQuery() const {
  if (!mariadb_) {
    return "SELECT CAST(User AS BINARY), CAST(Host AS BINARY), plugin, account_locked = 'Y', "
           "ssl_type <> '', "
           "max_user_connections, CAST(authentication_string AS BINARY) FROM mysql.user WHERE TRUE";
  }
  return "SELECT CAST(User AS BINARY), CAST(Host AS BINARY), COALESCE(JSON_VALUE(Priv, "
         "'$.plugin'), ''), "
         "COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') = '1', "
         "COALESCE(JSON_VALUE(Priv, '$.ssl_type'), '0') <> '0', "
         "COALESCE(JSON_VALUE(Priv, '$.max_user_connections'), '0'), "
         "COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') FROM mysql.global_priv "
         "WHERE JSON_VALUE(Priv, '$.is_role') IS NULL";
}

std::string Dialect::IdentifiedBy(std::string_view literal) const {
  if (mariadb_) return fmt::format("IDENTIFIED VIA mysql_native_password USING {}", literal);
  return fmt::format("IDENTIFIED WITH caching_sha2_password AS {}", literal);
}

std::string_view Dialect::no_password_credential() const {
  // what the servers' own locked accounts have: no password gives it
  return mariadb_ ? "invalid"
                  : "$A$005$THISISACOMBINATIONOFINVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED";
}

std::string_view Dialect::stand_in_credential() const {
  // in the forms that the plugins take: as a digest `dbagent:stand-in:v1!`; as salt and digest
  return mariadb_ ? "*64626167656E743A7374616E642D696E3A763121"
                  : "$A$005$DBAGENTSTANDSINFORAMISSINGDEFINERANDNOPASSWORDWILLEVERGIVETHISX";
}

bool Dialect::IsDatabaseLevel(std::string_view privilege, std::string_view context) const {
  if (privilege == "GRANT OPTION") return false;  // a field of its own
  if (privilege == "EVENT") return true;          // said to be `Server Admin`
  static constexpr std::array<std::string_view, 4> kContexts = {"Databases", "Tables", "Functions",
                                                                "Indexes"};
  return std::any_of(kContexts.begin(), kContexts.end(), [&](std::string_view known) {
    return context.find(known) != std::string_view::npos;
  });
}

std::string Dialect::GrantWord(const std::string& privilege) const {
  return privilege == "DELETE VERSIONING ROWS" ? "DELETE HISTORY"
                                               : privilege;  // MariaDB 10.6 says the first
}

}  // namespace dbagent::datastore::mysql
