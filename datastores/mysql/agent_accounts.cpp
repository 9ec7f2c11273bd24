// The accounts that the agent needs on a server, as statements: one a line, for an init file.
#include "datastores/mysql/quote.h"
#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {
namespace {

std::string AccountOf(const std::string& os_user) {
  return QuoteLiteral(os_user) + "@'localhost'";
}

// Whether a row of a table of users is that OS user's.
std::string IsOf(const std::string& os_user) {
  return "(User = " + QuoteLiteral(os_user) + " AND Host = 'localhost')";
}

std::string Lines(const std::vector<std::string>& statements) {
  std::string text;
  for (const std::string& statement : statements) text += statement + ";\n";
  return text;
}

// The agent's account on MySQL, whatever there was of it.
std::vector<std::string> MysqlAccount(const std::string& account) {
  return {"CREATE USER IF NOT EXISTS " + account + " IDENTIFIED WITH auth_socket",
          "ALTER USER " + account + " IDENTIFIED WITH auth_socket",
          "GRANT ALL PRIVILEGES ON *.* TO " + account + " WITH GRANT OPTION",
          "GRANT PROXY ON ''@'' TO " + account + " WITH GRANT OPTION"};
}

std::vector<std::string> MariadbAccount(const std::string& account) {
  return {"CREATE USER IF NOT EXISTS " + account + " IDENTIFIED VIA unix_socket",
          "ALTER USER " + account + " IDENTIFIED VIA unix_socket",
          "GRANT ALL PRIVILEGES ON *.* TO " + account + " WITH GRANT OPTION"};
}

std::string WithoutLimits(const std::string& account) {
  return "ALTER USER " + account +
         " REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR"
         " 0 MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK";
}

// Drops superusers that an OS user is let in as: those of an agent that had another name. `own`:
// the condition for the account that stays.
std::vector<std::string> DropOtherAgents(const std::string& plugin, const std::string& own) {
  return {"SET SESSION sql_mode = '', group_concat_max_len = 1000000",
          "SET @dbagent = (SELECT COALESCE(CONCAT('DROP USER ', GROUP_CONCAT(CONCAT(QUOTE(User), "
          "'@', QUOTE(Host)))), 'DO 0') FROM mysql.user WHERE plugin = '" +
              plugin + "' AND Super_priv = 'Y' AND NOT " + own + ")",
          "PREPARE dbagent FROM @dbagent", "EXECUTE dbagent", "DEALLOCATE PREPARE dbagent"};
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::string> Dialect::BackupAccountStatements(const ServerSettings& settings) const {
  if (!mariadb_ || !settings.separate()) return {};
  const std::string account = AccountOf(settings.server_user);
  return {"CREATE USER IF NOT EXISTS " + account + " IDENTIFIED VIA unix_socket",
          "ALTER USER " + account + " IDENTIFIED VIA unix_socket",
          "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO " + account,
          WithoutLimits(account)};
}

std::string Dialect::SecureStatements(const ServerSettings& settings) const {
  const std::string account = AccountOf(settings.os_user), is_agent = IsOf(settings.os_user);
  std::vector<std::string> statements;
  if (mariadb_) {
    statements = {
        "DELETE FROM mysql.global_priv WHERE NOT (" + is_agent + " OR User = 'mariadb.sys')",
        "DELETE FROM mysql.db WHERE User <> 'mariadb.sys'",
        "DELETE FROM mysql.proxies_priv WHERE NOT " + is_agent,
        "DROP DATABASE IF EXISTS test",
        "FLUSH PRIVILEGES",
        "ALTER USER " + account + " IDENTIFIED VIA unix_socket"};
    Append(statements, BackupAccountStatements(settings));
  } else {
    statements = MysqlAccount(account);
    // root@localhost, which has no password yet, becomes the agent's account or goes
    if (settings.os_user != "root")
      statements.emplace_back("DROP USER IF EXISTS 'root'@'localhost'");
  }
  statements.emplace_back("SHUTDOWN");
  return Lines(statements);
}

std::string Dialect::AdoptStatements(const ServerSettings& settings) const {
  const std::string account = AccountOf(settings.os_user);
  std::vector<std::string> statements =
      DropOtherAgents(mariadb_ ? "unix_socket" : "auth_socket", IsOf(settings.os_user));
  Append(statements, mariadb_ ? MariadbAccount(account) : MysqlAccount(account));
  statements.push_back(WithoutLimits(account));
  Append(statements, BackupAccountStatements(settings));
  statements.emplace_back("SHUTDOWN");
  return Lines(statements);
}

}  // namespace dbagent::datastore::mysql
