#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/e2e/hard_schema.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

const std::vector<std::string> kDatabases = {"hard", "härd 2 \"q'%_", "hard_latin", "select"};
constexpr const char* kTablespace = "hard space";

// A tool of the server's, logged in as the agent's role.
std::vector<std::string> Tool(AgentProcess& agent, const std::string& name) {
  const os::Path programs =
      TheTraits().programs.empty() ? "/usr/lib/postgresql/15/bin" : TheTraits().programs;
  return {programs / name, "--host=" + agent.run_directory().native(),
          "--port=" + std::to_string(agent.port()),
          "--username=" + std::string(getpwuid(geteuid())->pw_name)};
}

// The way in which a name cannot be taken for a connection string.
std::string Connect(const std::string& database) {
  std::string out = "dbname='";
  for (const char c : database) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

Result<std::string> Ask(AgentProcess& agent, const std::string& database,
                        const std::string& statements) {
  std::vector<std::string> command = Tool(agent, "psql");
  command.insert(command.end(), {"--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
                                 "--set=ON_ERROR_STOP=1", "--dbname=" + Connect(database)});
  return RunProgram(command, statements);
}

// Lines in an order of their own: rights may be given in any order. Comments and the key of psql's
// restriction differ from run to run, and the agent's own roles are not users'.
std::string SortedLines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("--") || line.starts_with("\\restrict") ||
        line.starts_with("\\unrestrict") || line.find("\"dbagent-") != std::string::npos)
      continue;
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const std::string& line : lines) sorted += line + "\n";
  return sorted;
}

Status Make(AgentProcess& agent) {
  ASSIGN_OR_RETURN(
      const std::string statements,
      os::ReadFile(os::Path(DBAGENT_SOURCE_DIR) / "tests/data" / "hard_schema_postgresql.sql"));
  RETURN_IF_ERROR(Ask(agent, "postgres", statements).status());
  const os::Path place = agent.home() / "tablespace";
  std::filesystem::create_directory(place);
  RETURN_IF_ERROR(Ask(agent, "hard",
                      fmt::format("CREATE TABLESPACE \"{0}\" LOCATION '{1}';\n"
                                  "CREATE TABLE app.elsewhere TABLESPACE \"{0}\" AS SELECT n, "
                                  "md5(n::text) AS h FROM generate_series(1, 5000) n;\n"
                                  "CREATE INDEX ON app.elsewhere (h) TABLESPACE \"{0}\";\n"
                                  "ALTER TABLE app.elsewhere OWNER TO hard_owner;",
                                  kTablespace, place.native()))
                      .status());
  return Ok();
}

Result<std::string> Dump(AgentProcess& agent, const std::string& database) {
  std::vector<std::string> command = Tool(agent, "pg_dump");
  command.insert(command.end(), {"--no-tablespaces", "--dbname=" + Connect(database)});
  ASSIGN_OR_RETURN(const std::string text, RunProgram(command));
  return SortedLines(text);
}

Result<std::string> Globals(AgentProcess& agent) {
  std::vector<std::string> command = Tool(agent, "pg_dumpall");
  command.insert(command.end(), {"--globals-only", "--no-tablespaces"});
  ASSIGN_OR_RETURN(const std::string text, RunProgram(command));
  return SortedLines(text);
}

Result<std::map<std::string, std::string>> Look(AgentProcess& agent) {
  std::map<std::string, std::string> seen;
  ASSIGN_OR_RETURN(seen["globals"], Globals(agent));
  ASSIGN_OR_RETURN(
      seen["databases"],
      Ask(agent, "postgres",
          "SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, "
          "datctype, datconnlimit, shobj_description(oid, 'pg_database'), (SELECT string_agg("
          "format('%s %s', setrole::regrole, line), ' ' ORDER BY line) FROM pg_db_role_setting "
          "CROSS JOIN unnest(setconfig) line WHERE setdatabase = d.oid) FROM pg_database d WHERE "
          "datname NOT IN ('postgres', 'template0', 'template1') ORDER BY datname;"));
  ASSIGN_OR_RETURN(seen["tablespaces"],
                   Ask(agent, "hard",
                       "SELECT relname, spcname FROM pg_class c JOIN pg_tablespace t ON t.oid = "
                       "c.reltablespace WHERE c.relnamespace = 'app'::regnamespace ORDER BY 1;"));
  for (const std::string& database : kDatabases) {
    ASSIGN_OR_RETURN(seen["dump of " + database], Dump(agent, database));
    ASSIGN_OR_RETURN(
        seen["rows of " + database],
        Ask(agent, database,
            "SELECT n.nspname, relname, md5(query_to_xml(format('SELECT md5(x::text) AS r FROM "
            "%I.%I x ORDER BY 1', n.nspname, relname), true, true, '')::text) FROM pg_class c JOIN "
            "pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'm') AND "
            "relispopulated AND nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2;\n"
            "SELECT loid, pageno, md5(data) FROM pg_largeobject ORDER BY 1, 2;"));
  }
  return seen;
}

Result<std::string> FindDamage(AgentProcess& agent) {
  for (const std::string& database : kDatabases) {
    std::vector<std::string> command = Tool(agent, "pg_amcheck");
    command.insert(command.end(), {"--heapallindexed", "--parent-check", "--rootdescend",
                                   "--maintenance-db=" + Connect(database), Connect(database)});
    const Result<std::string> said = RunProgram(command);
    if (!said.ok()) return said.status().FullMessage();
    if (!said->empty()) return *said;
  }
  return std::string();
}

Status DropAccounts(AgentProcess& agent) {
  return Ask(agent, "postgres",
             "DROP ROLE hard_owner;\nDROP ROLE hard_group;\nDROP ROLE \"hard \"\"Reader'%\";")
      .status();
}

}  // namespace

HardSchema PostgresqlHardSchema() {
  HardSchema schema;
  schema.databases = kDatabases;
  schema.make = Make;
  schema.look = Look;
  schema.find_damage = FindDamage;
  schema.drop_accounts = DropAccounts;
  schema.only_physical = {"tablespaces"};
  return schema;
}

}  // namespace dbagent::tests
