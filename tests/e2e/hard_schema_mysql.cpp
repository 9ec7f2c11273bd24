#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/e2e/hard_schema.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

const std::vector<std::string> kDatabases = {"hard", "häRd 2 \"q'%_", "select", "empty_one"};
// Accounts that are not the servers' nor the agent's.
constexpr const char* kAccounts =
    "FROM mysql.user WHERE User NOT LIKE 'mysql.%' AND User NOT IN ('mariadb.sys', 'root', "
    "'PUBLIC') "
    "AND User <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1) ORDER BY 1";

bool IsMariadb() {
  return TheTraits().name == "mariadb";
}

std::string Literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string(2, c) : std::string(1, c);
  return out + "'";
}

// A tool of the server's, logged in.
std::vector<std::string> Tool(AgentProcess& agent, const std::string& mariadbs,
                              const std::string& mysqls) {
  const os::Path prefix = TheTraits().programs.empty() ? "/usr" : TheTraits().programs;
  return {prefix / "bin" / (IsMariadb() ? mariadbs : mysqls), "--no-defaults",
          "--socket=" + (agent.run_directory() / "mysql.sock").native(),
          "--user=" + std::string(getpwuid(geteuid())->pw_name), "--default-character-set=utf8mb4"};
}

// One line per row, values raw, tabs between them.
Result<std::string> Ask(AgentProcess& agent, const std::string& statements) {
  std::vector<std::string> command = Tool(agent, "mariadb", "mysql");
  command.insert(command.end(), {"--batch", "--raw", "--skip-column-names"});
  return RunProgram(command, statements);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Status Make(AgentProcess& agent) {
  std::string statements;
  for (const std::string& name : {std::string("mysql_and_mariadb"), TheTraits().name}) {
    ASSIGN_OR_RETURN(const std::string text,
                     os::ReadFile(os::Path(DBAGENT_SOURCE_DIR) / "tests/data" /
                                  ("hard_schema_" + name + ".sql")));
    statements += text;
  }
  return RunProgram(Tool(agent, "mariadb", "mysql"), statements).status();
}

Result<std::string> Dump(AgentProcess& agent) {
  std::vector<std::string> command = Tool(agent, "mariadb-dump", "mysqldump");
  command.insert(command.end(),
                 {"--routines", "--events", "--triggers", "--hex-blob", "--skip-dump-date",
                  "--order-by-primary", "--max-allowed-packet=1G"});
  if (!IsMariadb()) command.emplace_back("--set-gtid-purged=OFF");
  command.emplace_back("--databases");
  command.insert(command.end(), kDatabases.begin(), kDatabases.end());
  if (IsMariadb()) command.insert(command.begin() + 2, "--dump-history");
  ASSIGN_OR_RETURN(std::string text, RunProgram(command));
  // MySQL's words for a column are others when its table was made from them: the collation alone
  // says the same
  static const std::string kWords = " CHARACTER SET ";
  for (std::size_t at = text.find(kWords); at != std::string::npos;
       at = text.find(kWords, at + 1)) {
    const std::size_t end = text.find(' ', at + kWords.size());
    if (end != std::string::npos && text.compare(end, 9, " COLLATE ") == 0)
      text.erase(at, end - at);
  }
  return text;
}

Result<std::string> Checksums(AgentProcess& agent) {
  std::string list;
  for (const std::string& name : kDatabases) list += (list.empty() ? "" : ", ") + Literal(name);
  ASSIGN_OR_RETURN(const std::string statements,
                   Ask(agent,
                       "SELECT CONCAT('CHECKSUM TABLE `', REPLACE(table_schema, '`', '``'), '`.`', "
                       "REPLACE(table_name, '`', '``'), '`;') FROM information_schema.tables WHERE "
                       "table_type NOT LIKE '%VIEW' AND table_schema IN (" +
                           list +
                           // those with an expression as index: the server's own answer changes by
                           // itself
                           ") AND (table_schema, table_name) NOT IN (SELECT table_schema, "
                           "table_name FROM information_schema.statistics WHERE index_name IN "
                           "('multi', 'expression')) ORDER BY table_schema, table_name;"));
  return Ask(agent, statements);
}

// MariaDB lists the columns of a right in no order: each `(`a`, `b`)` is sorted.
std::string WithSortedColumns(std::string grants) {
  for (std::size_t begin = grants.find("(`"); begin != std::string::npos;
       begin = grants.find("(`", begin + 1)) {
    const std::size_t end = grants.find("`)", begin);
    if (end == std::string::npos) break;
    std::set<std::string> names;
    std::istringstream list(grants.substr(begin + 1, end - begin));
    for (std::string name; std::getline(list, name, ',');)
      names.insert(name.substr(name.find('`')));
    std::string sorted = "(";
    for (const std::string& name : names) sorted += (sorted.size() > 1 ? ", " : "") + name;
    grants.replace(begin, end + 1 - begin, sorted);
  }
  return grants;
}

Result<std::string> Accounts(AgentProcess& agent) {
  ASSIGN_OR_RETURN(
      const std::string names,
      Ask(agent, std::string("SELECT CONCAT(QUOTE(User), IF(Host = '', '', CONCAT('@', "
                             "QUOTE(Host)))) ") +
                     kAccounts + ";"));
  std::string statements = "SET print_identified_with_as_hex = ON;\n";
  if (IsMariadb()) statements.clear();
  for (const std::string& name : Lines(names)) {
    statements += "SHOW GRANTS FOR " + name + ";\n";
    const bool role = IsMariadb() && name.find('@') == std::string::npos;
    if (!role) statements += "SHOW CREATE USER " + name + ";\n";
  }
  if (IsMariadb())
    statements +=
        "SELECT User, Host, Role, Admin_option FROM mysql.roles_mapping ORDER BY 1, 2, 3;\n";
  ASSIGN_OR_RETURN(std::string said, Ask(agent, statements));
  return WithSortedColumns(std::move(said));
}

Result<std::map<std::string, std::string>> Look(AgentProcess& agent) {
  std::map<std::string, std::string> seen;
  ASSIGN_OR_RETURN(seen["dump"], Dump(agent));
  ASSIGN_OR_RETURN(seen["checksums"], Checksums(agent));
  ASSIGN_OR_RETURN(seen["accounts"], Accounts(agent));
  return seen;
}

Result<std::string> FindDamage(AgentProcess& agent) {
  std::vector<std::string> command = Tool(agent, "mariadb-check", "mysqlcheck");
  command.insert(command.end(), {"--check", "--extended", "--all-databases"});
  ASSIGN_OR_RETURN(const std::string said, RunProgram(command));
  std::string damage;
  std::string table;
  for (const std::string& line : Lines(said)) {
    // `db.table   OK`, or the table alone and below it what is to be said
    const bool note = line.starts_with("note ") || line.starts_with("status   : OK");
    const bool name = line.find(" : ") == std::string::npos;
    if (name) table = line;
    if (!note && !name) damage += table + ": " + line + "\n";
  }
  if (said.find("hard.many") == std::string::npos) damage += "nothing was checked: " + said;
  return damage;
}

Status DropAccounts(AgentProcess& agent) {
  ASSIGN_OR_RETURN(const std::string statements,
                   Ask(agent, std::string("SELECT CONCAT('DROP ', IF(Host = '', 'ROLE ', 'USER '), "
                                          "QUOTE(User), IF(Host = '', '', CONCAT('@', "
                                          "QUOTE(Host))), ';') ") +
                                  kAccounts + ";"));
  return Ask(agent, statements).status();
}

}  // namespace

HardSchema MysqlHardSchema() {
  HardSchema schema;
  schema.databases = kDatabases;
  schema.make = Make;
  schema.look = Look;
  schema.find_damage = FindDamage;
  schema.drop_accounts = DropAccounts;
  return schema;
}

}  // namespace dbagent::tests
