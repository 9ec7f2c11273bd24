#include <cstdlib>

#include "datastores/mysql/driver.h"
#include "tests/support/driver_table.h"

namespace dbagent::tests {
namespace {

std::string Quote(const std::string& name) {
  std::string out = "`";
  for (const char c : name) out += c == '`' ? "``" : std::string(1, c);
  return out + "`";
}

const std::vector<std::string> kHardData = {
    "CREATE TABLE data (id int PRIMARY KEY, t longtext, b longblob, n decimal(40,9))",
    "INSERT INTO data VALUES (1, 'quote '' double \" back \\\\ tick `', x'00ff0a0d5c271a', 1.5)",
    "INSERT INTO data VALUES (2, 'line\\nbreak\\r\\ttab', '', -0.000000001)",
    "INSERT INTO data VALUES (3, '\\\\! touch /tmp/dbagent-meta\\nDELIMITER ;;\\n', NULL, 0)",
    "INSERT INTO data VALUES (4, 'emoji 🐘 ünï 日本語', NULL, 123456789012345678901234567890)",
    "INSERT INTO data VALUES (5, NULL, NULL, NULL)",
    "INSERT INTO data VALUES (6, '\\n-- Dump completed\\n', NULL, 0)",
    "INSERT INTO data VALUES (7, '', NULL, 7), (8, REPEAT('long', 100000), NULL, 8)",
    "CREATE TABLE `a \"``b\\c ; \\! touch /tmp/dbagent-meta` (`weird col` int)",
    "INSERT INTO `a \"``b\\c ; \\! touch /tmp/dbagent-meta` VALUES (42)",
    "CREATE TABLE counted (id int AUTO_INCREMENT PRIMARY KEY, v int CHECK (v > 0), "
    "g int AS (v * 2) STORED)",
    "INSERT INTO counted (v) VALUES (1), (2), (3)",
    "CREATE VIEW seen AS SELECT id, t FROM data WHERE id < 5",
    "CREATE FUNCTION twice(i int) RETURNS int DETERMINISTIC RETURN i * 2",
    "CREATE PROCEDURE `say it`() SELECT 'it''s; said' AS word",
    "CREATE TRIGGER before_insert BEFORE INSERT ON data FOR EACH ROW SET NEW.n = NEW.n + 1",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01 00:00:00' DO SELECT 1"};

const std::vector<std::string> kCompare = {
    "SELECT id, LEFT(t, 50), HEX(b), n, SHA2(t, 256) FROM data ORDER BY id",
    "SELECT `weird col` FROM `a \"``b\\c ; \\! touch /tmp/dbagent-meta`",
    "SELECT * FROM counted ORDER BY id",
    "SELECT id, LEFT(t, 50) FROM seen ORDER BY id",
    "SELECT twice(21)",
    "SELECT routine_name, routine_definition, sql_mode FROM information_schema.routines "
    "WHERE routine_schema = DATABASE() ORDER BY 1",
    "SELECT trigger_name, action_statement FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()",
    "SELECT event_name, event_definition, starts, status FROM information_schema.events "
    "WHERE event_schema = DATABASE()",
    "SELECT table_name, auto_increment FROM information_schema.tables "
    "WHERE table_schema = DATABASE() ORDER BY 1"};

std::function<std::vector<std::string>(const std::string&, int)> ForMany(const char* verb) {
  return [verb](const std::string& prefix, int count) {
    std::vector<std::string> statements;
    for (int i = 1; i <= count; ++i) {
      const bool first_of_batch = i % 500 == 1;
      if (first_of_batch) statements.push_back(std::string(verb) + " USER ");
      statements.back() += fmt::format("{}'{}{}'@'%'", first_of_batch ? "" : ", ", prefix, i);
    }
    return statements;
  };
}

// What MariaDB and MySQL have in common.
SettingsTraits Settings() {
  SettingsTraits settings;
  settings.integer = "connect_timeout";
  settings.integer_value = "21";
  settings.size = "max_allowed_packet";
  settings.size_written = "3MB";
  settings.size_value = "3145728";
  settings.boolean = "slow_query_log";
  settings.boolean_on = "ON";
  settings.choice = "binlog_row_image";
  settings.choice_written = "Minimal";
  settings.choice_value = "MINIMAL";
  settings.restart = "back_log";
  settings.restart_value = "77";
  settings.memory = "innodb_buffer_pool_size";
  settings.too_much_memory = "5368709120";
  settings.written_by_template = "innodb_read_io_threads";
  settings.forbidden = {"init_file",
                        "Init-File",
                        "loose_init_file",
                        "LOOSE-Plugin-Dir",
                        "plugin_dir",
                        "general-log-file",
                        "slow_query_log_file",
                        "log_error",
                        "character_sets_dir",
                        "innodb_data_home_dir",
                        "innodb_undo_directory",
                        "innodb_force_recovery",
                        "lower_case_table_names",
                        "innodb_page_size"};
  settings.system = {"Server-Id", "datadir",          "PORT",    "socket", "bind_address",
                     "tmpdir",    "secure-file-priv", "pid_file"};
  settings.refusals = {{"character_set_server", "klingon", "VALUE_INVALID"},
                       {"sql_mode", "NO_SUCH_MODE", "VALUE_INVALID"},
                       {"thread_stack", "131072", "VALUE_FORBIDDEN"}};
  settings.bad_name = "character_set_server";
  settings.bad_value = "klingon";
  settings.bad_word = "klingon";
  // the data directory was made with another
  settings.no_start_name = "innodb_page_size";
  settings.no_start_value = "8192";
  settings.no_start_word = "page size";
  settings.not_written_back = {// 0 while performance_schema is off, which is outside its range
                               "performance_schema_max_statement_stack",
                               // may only be set while the server runs
                               "innodb_ft_aux_table"};
  settings.program_options = {"mysqlx", "plugin_load_add"};
  settings.origin_unknown = {"character_set_server"};
  return settings;
}

ServerTraits CommonTraits() {
  ServerTraits traits;
  traits.make_driver = datastore::mysql::MakeDriver;
  traits.kind = "mysql";
  traits.configuration_file = "mysql.cnf";
  traits.hurry =
      "[mysqld]\ninnodb-flush-log-at-trx-commit = 2\nsync-binlog = 0\ninnodb-doublewrite = 0\n";
  traits.has_hosts = true;     // accounts are name@host
  traits.has_owner = false;    // databases belong to nobody
  traits.has_lock = true;      // ACCOUNT LOCK
  traits.holds_emoji = false;  // names are of utf8mb3
  traits.changes_charset = true;
  traits.longest_database = std::string(64, 'x');
  traits.reserved_databases = {"mysql", "sys",        "information_schema", "performance_schema",
                               "MySQL", "lost+found", "#mysql50#x"};
  traits.reserved_users = {"root",        "mysql", "mysql.sys", "mysql.session", "mysql.infoschema",
                           "mariadb.sys", "PUBLIC"};
  traits.character_set = "latin1";
  traits.collation = "latin1_german1_ci";
  traits.read_privileges = {"SELECT"};
  traits.write_privileges = {"INSERT"};
  traits.log_in = LogInToMysql;
  traits.quote = Quote;
  traits.block_grants = [](const std::string&, const std::string&) -> std::vector<std::string> {
    return {"FLUSH TABLES WITH READ LOCK"};
  };
  traits.count_waiting =
      "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for %lock%'";
  traits.make_many_users = ForMany("CREATE");
  traits.drop_many_users = ForMany("DROP");
  traits.sum_of_rows = "SELECT COUNT(*), SUM(CRC32(CONCAT(n, h))) FROM t";
  traits.hard_data = kHardData;
  traits.compare = kCompare;
  traits.settings = Settings();
  return traits;
}

}  // namespace

ServerTraits MariadbTraits() {
  ServerTraits traits = CommonTraits();
  traits.name = "mariadb";
  traits.product = "MariaDB";
  traits.longest_user = std::string(128, 'x');
  traits.bulk_data = {
      "CREATE TABLE bulk AS SELECT seq AS i, REPEAT(MD5(seq), 30) AS t FROM seq_1_to_60000"};
  traits.many_rows = {
      "CREATE TABLE t (INDEX (h)) AS SELECT seq AS n, MD5(seq) AS h FROM seq_1_to_50000"};
  traits.vital_files = {"shop", "mysql"};
  return traits;
}

ServerTraits MysqlTraits() {
  ServerTraits traits = CommonTraits();
  traits.name = "mysql";
  traits.product = "MySQL";
  // empty: the driver then says what it does not find
  if (const char* prefix = std::getenv("DBAGENT_TEST_MYSQL_PREFIX")) traits.programs = prefix;
  traits.longest_user = std::string(32, 'x');
  traits.bulk_data = {
      "SET SESSION cte_max_recursion_depth = 100000",
      "CREATE TABLE bulk AS WITH RECURSIVE seq AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM seq "
      "WHERE i < 60000) SELECT i, REPEAT(SHA2(i, 256), 15) AS t FROM seq"};
  traits.many_rows = {
      "CREATE TABLE t (n int, h char(64), INDEX (h))",
      "INSERT INTO t WITH RECURSIVE seq AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM seq WHERE i "
      "< 50000) SELECT /*+ SET_VAR(cte_max_recursion_depth = 50000) */ i, SHA2(i, 256) FROM seq"};
  traits.vital_files = {"shop", "mysql.ibd"};
  return traits;
}

}  // namespace dbagent::tests
