#include "tests/bench/bulk.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/bench/bench.h"

namespace dbagent::tests {

void MakeBulk(AgentProcess& agent, const std::string& database) {
  const auto session = BareSession(agent);
  Ask(*session, "DROP DATABASE IF EXISTS " + database);
  Ask(*session, "CREATE DATABASE " + database);
  const auto inside = BareSession(agent, database);
  Ask(*inside, "CREATE TABLE bulk (id INT PRIMARY KEY, payload VARCHAR(300))");
}

void AddBulkRows(AgentProcess& agent, int first, const std::string& database) {
  const auto session = BareSession(agent, database);
  const std::string payload =
      "CONCAT(SHA2({0}, 256), SHA2({0} + 1, 256), SHA2({0} + 2, 256), REPEAT('x', {0} % 64))";
  if (TheTraits().kind == "postgresql") {
    Ask(*session, fmt::format("INSERT INTO bulk SELECT n, sha256(n::text::bytea)::text || "
                              "sha256((n + 1)::text::bytea)::text || sha256((n + "
                              "2)::text::bytea)::text || repeat('x', n % 64) FROM "
                              "generate_series({}, {}) n",
                              first + 1, first + kRowsAtOnce));
    return;
  }
  if (TheTraits().name == "mysql")
    Ask(*session, "SET SESSION cte_max_recursion_depth = 1000000, sql_log_bin = 0");
  const std::string rows = TheTraits().name == "mariadb"
                               ? fmt::format("SELECT seq FROM seq_1_to_{}", kRowsAtOnce)
                               : fmt::format(
                                     "WITH RECURSIVE r AS (SELECT 1 AS seq UNION ALL "
                                     "SELECT seq + 1 FROM r WHERE seq < {}) SELECT seq "
                                     "FROM r",
                                     kRowsAtOnce);
  const std::string n = fmt::format("(s.seq + {})", first);
  Ask(*session, fmt::format("INSERT INTO bulk SELECT {0}, {1} FROM ({2}) s", n,
                            fmt::format(fmt::runtime(payload), n), rows));
}

void Shell(const std::string& command) {
  ASSERT_EQ(std::system(("exec bash -c 'set -o pipefail; " + command + "'").c_str()), 0) << command;
}

PlainTools ToolsFor(AgentProcess& agent) {
  const ServerTraits& traits = TheTraits();
  const std::string run = agent.run_directory().native();
  if (traits.kind == "postgresql") {
    const std::string bin = traits.programs.empty() ? "" : traits.programs.native() + "/";
    const std::string where = fmt::format(" -h {} -p {} -d ", run, agent.port());
    return {bin + "pg_dump" + where, bin + "psql -X -q -v ON_ERROR_STOP=1" + where};
  }
  const std::string bin = traits.programs.empty() ? "" : traits.programs.native() + "/bin/";
  const bool mariadb = traits.name == "mariadb";
  const std::string where = fmt::format(" --no-defaults --socket={}/mysql.sock ", run);
  const std::string dump = mariadb ? "mariadb-dump" : "mysqldump";
  return {bin + dump + where + "--single-transaction --quick " +
              (mariadb ? "" : "--set-gtid-purged=OFF --no-tablespaces "),
          bin + (mariadb ? "mariadb" : "mysql") + where};
}

std::string PlainCopy(AgentProcess& agent) {
  const std::string run = agent.run_directory().native();
  if (TheTraits().kind == "postgresql") {
    const std::string bin =
        TheTraits().programs.empty() ? "/usr/lib/postgresql/15/bin" : TheTraits().programs.native();
    return fmt::format("{}/pg_basebackup -h {} -p {} -D - -F tar -X fetch --checkpoint=fast", bin,
                       run, agent.port());
  }
  if (TheTraits().name == "mariadb") {
    return fmt::format(
        "mariadb-backup --no-defaults --backup --stream=mbstream --socket={}/mysql.sock "
        "--datadir={} --target-dir={}/plain 2>/dev/null",
        run, (agent.volume().current() / "data").native(), agent.home().native());
  }
  return "";
}

void FillBulk(AgentProcess& agent, int millions) {
  MakeBulk(agent);
  for (int i = 0; i < millions; ++i) AddBulkRows(agent, i * kRowsAtOnce);
}

}  // namespace dbagent::tests
