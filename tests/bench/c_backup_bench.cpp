// Backup and restore beside the plain tools, taken in turn.
#include <gtest/gtest.h>

#include "tests/bench/bench.h"
#include "tests/bench/bulk.h"

namespace dbagent::tests {
namespace {

constexpr int kPairs = 3;

// A million rows of some 230 bytes, half of them random.
void Fill(AgentProcess& agent) {
  const auto session = BareSession(agent, "bulk");
  // MySQL 9 has no MD5
  const std::string columns =
      "{0} AS id, LEFT(SHA2({0}, 256), 32) AS name, CONCAT(SHA2({0} + 1, 256), REPEAT('filler', "
      "8), "
      "LEFT(SHA2({0} + 2, 256), 32), REPEAT('x', {0} % 64)) AS payload";
  if (TheTraits().name == "mariadb") {
    Ask(*session,
        "CREATE TABLE bulk (id INT PRIMARY KEY, name CHAR(32), payload VARCHAR(250)) AS "
        "SELECT " +
            fmt::format(fmt::runtime(columns), "seq") + " FROM seq_1_to_1000000");
  } else if (TheTraits().name == "mysql") {
    Ask(*session, "SET SESSION cte_max_recursion_depth = 1000000, sql_log_bin = 0");
    Ask(*session,
        "CREATE TABLE bulk (id INT PRIMARY KEY, name CHAR(32), payload VARCHAR(250)) AS "
        "WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq "
        "< 1000000) SELECT " +
            fmt::format(fmt::runtime(columns), "seq") + " FROM n");
  } else {
    Ask(*session,
        "CREATE TABLE bulk AS SELECT n AS id, md5(n::text) AS name, md5((n + 1)::text) || "
        "repeat('filler', 8) || md5((n + 2)::text) || repeat('x', n % 64) || md5((n + 3)::text) "
        "AS payload FROM generate_series(1, 1000000) n");
    Ask(*session, "ALTER TABLE bulk ADD PRIMARY KEY (id)");
  }
}

std::string NewestBackup(AgentProcess& agent, double& megabytes) {
  v1::ListBackupsResponse list;
  Call<v1::BackupService>(agent, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
  if (list.backups().empty()) throw std::runtime_error("there is no backup");
  megabytes = static_cast<double>(list.backups(0).source_bytes()) / 1e6;
  return list.backups(0).id();
}

TEST(Bench, BackupAndRestore) {
  AgentProcess& agent = TheAgent();
  const auto session = BareSession(agent);
  Ask(*session, "CREATE DATABASE bulk");
  Fill(agent);
  const std::string ctl =
      DBAGENT_BINARY_DIR "/agent/dbagentctl --socket " + agent.socket().native() + " ";
  const PlainTools tools = ToolsFor(agent);
  const std::string dump_file = agent.home() / "dump.zst";
  const std::string zstd = " | zstd -q -1 -T2 -c >";
  Shell(tools.dump + "bulk" + zstd + dump_file);  // and warms the caches

  Samples backup, dump, restore, load;
  double megabytes = 0;
  for (int i = 0; i < kPairs; ++i) {
    backup.Time([&] { Shell(ctl + "backup create --database bulk >/dev/null"); });
    dump.Time([&] { Shell(tools.dump + "bulk" + zstd + "/dev/null"); });
  }
  const std::string id = NewestBackup(agent, megabytes);
  Report("memory, after backups", Memory(agent));
  for (int i = 0; i < kPairs; ++i) {
    restore.Time(
        [&] { Shell(ctl + "backup restore " + id + " --database bulk --as restored >/dev/null"); });
    Ask(*session, "DROP DATABASE restored");
    Ask(*session, "CREATE DATABASE loaded");
    load.Time(
        [&] { Shell("zstd -q -d -c " + dump_file + " | " + tools.load + "loaded >/dev/null"); });
    Ask(*session, "DROP DATABASE loaded");
  }
  Report(fmt::format("backup of {:.0f} MB", megabytes), backup, "dump tool | zstd -1 -T2", dump);
  Report(fmt::format("restore of {:.0f} MB", megabytes), restore, "zstd -d | client", load);
  Report("memory, after backups and restores", Memory(agent));
}

}  // namespace
}  // namespace dbagent::tests
