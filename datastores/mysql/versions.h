#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "datastores/datastore.h"

// Everything in which the accepted servers differ: MariaDB 10.6 to 11.8, MySQL 8.0, 8.4, 9.x.
namespace dbagent::datastore::mysql {

struct Version {
  bool mariadb = false;
  std::uint32_t major = 0, minor = 0;
  std::string text;  // `10.11.14`
};

// From what `<server program> --version` says; nothing when it says neither product.
std::optional<Version> ParseVersion(std::string_view output);

// VERSION_UNSUPPORTED: older than accepted, or newer and not allowed.
Status CheckAccepted(const Version& version, bool allow_unknown_major);

DatastoreInfo InfoOf(const Version& version);

// 10.11.19 → {10, 11, 19}
std::array<std::uint32_t, 3> VersionNumbers(const std::string& version);
// Datastore::CheckDataVersion: a series takes over data of older ones, never of newer ones.
Status CheckDataVersion(const DatastoreInfo& installed, const std::string& version);

class Dialect {
 public:
  // `info` is what InfoOf gave.
  explicit Dialect(const DatastoreInfo& info);

  bool mariadb() const { return mariadb_; }
  const std::string& product() const { return product_; }

  // Programs below the prefix: sbin/<server>, bin/<others>.
  std::string_view server_program() const { return mariadb_ ? "mariadbd" : "mysqld"; }
  std::string_view client_program() const { return mariadb_ ? "mariadb" : "mysql"; }
  std::string_view dump_program() const { return mariadb_ ? "mariadb-dump" : "mysqldump"; }

  std::size_t user_name_limit() const { return mariadb_ ? 128 : 32; }  // characters
  std::size_t host_limit() const { return 255; }
  // Bytes; caching_sha2_password takes no more at login.
  std::optional<std::size_t> password_limit() const {
    return mariadb_ ? std::optional<std::size_t>() : 256;
  }
  bool cidr_hosts() const { return !mariadb_; }  // accounts for `10.0.0.0/8`
  bool several_bind_addresses() const;

  // Values of the configuration's layers that only this product has.
  void AddTemplateValues(std::uint64_t memory_bytes, Values& values) const;
  void AddSystemValues(std::uint64_t redo_bytes, Values& values) const;
  // What the program takes before any buffer, and its performance schema, about (measured).
  std::uint64_t program_memory() const;
  std::uint64_t performance_schema_memory() const;
  // A few parameters are given by an option of another name: `time_zone` by `default_time_zone`.
  std::string OptionOf(const std::string& parameter) const;
  std::string ParameterOf(const std::string& option) const;
  // Options with which the program reads its configuration, says what is wrong and ends.
  std::vector<std::string> TryStartOptions() const;

  std::vector<std::string> DumpOptions() const;
  // Arguments of the server program (MySQL) or of mariadb-install-db that make an empty data
  // directory.
  std::vector<std::string> InitialiseArguments(const ServerSettings& settings) const;
  // Options of a first start that the configuration file would have later.
  std::vector<std::string> FirstStartOptions() const;
  // Options of a server that nobody but the agent talks to, and not for long.
  std::vector<std::string> QuietOptions() const;

  // agent_accounts.cpp. One statement per line, run as init file by a server without network:
  // leaves the agent's accounts and the server's own, and ends the server.
  std::string SecureStatements(const ServerSettings& settings) const;
  // The same for data that had other users: the agent's accounts are there, and accounts of agents
  // with other names are not; users' stay.
  std::string AdoptStatements(const ServerSettings& settings) const;
  // Makes the account of the tool that copies the server's files, with no more rights than it
  // needs. None where no such tool logs in with the server's OS user.
  std::vector<std::string> BackupAccountStatements(const ServerSettings& settings) const;

  // Rows (user, host, plugin, locked, tls, max connections, stored credential); the first two as
  // binary strings; `WHERE` and the rest may follow with columns User and Host.
  std::string AccountsQuery() const;
  // The plugin that users get, and its `IDENTIFIED` clause for a stored credential. The clause for
  // no password at all.
  std::string IdentifiedBy(std::string_view stored_credential_literal) const;
  std::string_view no_password_credential() const;
  // What accounts have that a load made in the place of missing definers: no password gives it
  // either, and it tells them apart from users' own.
  std::string_view stand_in_credential() const;
  // Privileges that SHOW PRIVILEGES names with another context than the database-level ones though
  // they are.
  bool IsDatabaseLevel(std::string_view privilege, std::string_view context) const;
  // The word of GRANT for a privilege as SHOW PRIVILEGES names it.
  std::string GrantWord(const std::string& privilege) const;

 private:
  bool mariadb_ = false;
  std::uint32_t major_ = 0, minor_ = 0;
  std::string product_;
};

}  // namespace dbagent::datastore::mysql
