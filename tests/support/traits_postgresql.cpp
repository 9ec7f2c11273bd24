#include <cstdlib>

#include "datastores/postgresql/driver.h"
#include "tests/support/driver_table.h"

namespace dbagent::tests {
namespace {

std::string Quote(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

const std::vector<std::string> kHardData = {
    "CREATE TABLE data (id int PRIMARY KEY, t text, b bytea, n numeric)",
    "INSERT INTO data VALUES (1, E'quote '' double \" back \\\\ tick `', E'\\\\x00ff0a0d5c27', "
    "1.5)",
    "INSERT INTO data VALUES (2, E'line\\nbreak\\r\\ttab', '', -0.000000001)",
    "INSERT INTO data VALUES (3, E'\\\\! touch /tmp/dbagent-meta\\n\\\\.\\n\\\\q\\n', NULL, 'NaN')",
    "INSERT INTO data VALUES (4, 'emoji 🐘 ünï 日本語', NULL, 123456789012345678901234567890)",
    "INSERT INTO data VALUES (5, NULL, NULL, NULL)",
    "INSERT INTO data VALUES (6, E'-- PostgreSQL database dump complete\\n--\\n\\n', NULL, 0)",
    "INSERT INTO data VALUES (7, '', NULL, 7), (8, repeat('long', 100000), NULL, 8)",
    "CREATE TABLE \"a \"\"b\\c\n\\! touch /tmp/dbagent-meta\n\" (\"weird col\" int)",
    "INSERT INTO \"a \"\"b\\c\n\\! touch /tmp/dbagent-meta\n\" VALUES (42)",
    "CREATE SCHEMA \"my schema\"",
    "CREATE TABLE \"my schema\".counted (id serial PRIMARY KEY, v int CHECK (v > 0))",
    "INSERT INTO \"my schema\".counted (v) VALUES (1), (2), (3)",
    "CREATE VIEW seen AS SELECT id, t FROM data WHERE id < 5",
    "CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS $$ SELECT i * 2 $$",
    "CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; "
    "RETURN NEW; END $$",
    "CREATE TRIGGER before_insert BEFORE INSERT ON data FOR EACH ROW EXECUTE FUNCTION log_it()"};

const std::vector<std::string> kCompare = {
    "SELECT id, left(t, 50), b, n, md5(t) FROM data ORDER BY id",
    "SELECT \"weird col\" FROM \"a \"\"b\\c\n\\! touch /tmp/dbagent-meta\n\"",
    "SELECT * FROM \"my schema\".counted ORDER BY id",
    "SELECT id, left(t, 50) FROM seen ORDER BY id", "SELECT twice(21)",
    "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    // what a superuser owned becomes nobody's by a load
    "SELECT nspname, relname, relkind, replace(pg_get_userbyid(relowner), 'dbagent-heir', 'root'), "
    "(SELECT array_agg(t ORDER BY t) FROM (SELECT replace(a::text, '\"dbagent-heir\"', 'root') AS "
    "t FROM unnest(relacl) a) x) FROM pg_class c JOIN "
    "pg_namespace n "
    "ON n.oid = relnamespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2",
    "SELECT defaclobjtype, pg_get_userbyid(defaclrole), (SELECT array_agg(a::text ORDER BY "
    "a::text) "
    "FROM unnest(defaclacl) a) FROM pg_default_acl ORDER BY 1, 2"};

SettingsTraits Settings() {
  SettingsTraits settings;
  settings.integer = "default_statistics_target";
  settings.integer_value = "321";
  settings.size = "work_mem";
  settings.size_written = "1.5MB";
  settings.size_value = "1536";
  settings.boolean = "log_lock_waits";
  settings.boolean_on = "on";
  settings.choice = "log_statement";
  settings.choice_written = "DDL";
  settings.choice_value = "ddl";
  settings.restart = "max_connections";
  settings.restart_value = "40";
  settings.memory = "shared_buffers";
  settings.too_much_memory = "655360";
  settings.written_by_template = "random_page_cost";
  settings.forbidden = {"archive_command",
                        "Archive-Command",
                        "ARCHIVE_LIBRARY",
                        "restore_command",
                        "session_preload_libraries",
                        "local-preload-libraries",
                        "fsync",
                        "Full_Page-Writes",
                        "data_directory",
                        "hba_file",
                        "log_directory",
                        "password_encryption",
                        "jit_provider",
                        "ssl_passphrase_command",
                        "zero_damaged_pages",
                        "external_pid_file"};
  settings.system = {"port",          "Unix-Socket-Directories", "wal_level",  "listen_addresses",
                     "ssl_cert_file", "max_wal_senders",         "lc_messages"};
  settings.refusals = {
      {"shared_preload_libraries", "pg_stat_statements, /tmp/evil", "VALUE_FORBIDDEN"},
      {"max_connections", "5", "VALUE_FORBIDDEN"},
      {"timezone", "Nowhere/Land", "VALUE_INVALID"}};
  settings.bad_name = "timezone";
  settings.bad_value = "Nowhere/Land";
  settings.bad_word = "Nowhere/Land";
  settings.no_start_name = "shared_preload_libraries";
  settings.no_start_value = "pgaudit_of_nobody";
  settings.no_start_word = "could not access file \"pgaudit_of_nobody\"";
  return settings;
}

}  // namespace

ServerTraits PostgresqlTraits() {
  ServerTraits traits;
  traits.name = "postgresql";
  traits.make_driver = datastore::postgresql::MakeDriver;
  traits.kind = "postgresql";
  traits.product = "PostgreSQL";
  // another version than Debian's, unpacked somewhere
  if (const char* programs = std::getenv("DBAGENT_TEST_POSTGRESQL_PROGRAMS"))
    traits.programs = programs;
  traits.configuration_file = "postgresql.conf";
  traits.hurry = "fsync = off\nfull_page_writes = off\n";
  traits.has_hosts = false;   // a role is a name; from where it may log in stands in pg_hba.conf
  traits.has_owner = true;    // databases, schemas and tables are owned by roles
  traits.has_lock = false;    // NOLOGIN is the nearest thing
  traits.holds_emoji = true;  // names are bytes
  traits.changes_charset = false;  // the encoding is fixed when a database is made
  traits.longest_database = traits.longest_user = std::string(63, 'x');  // NAMEDATALEN - 1 bytes
  traits.reserved_databases = {"postgres", "template0", "template1"};
  // `public` and `none` are words that cannot name a role
  traits.reserved_users = {"postgres", "root",         "pg_monitor",    "pg_mine",         "public",
                           "none",     "dbagent-heir", "dbagent-owner", "dbagent-loader-1"};
  traits.character_set = "LATIN1";
  traits.collation = "C";
  // a database is entered with CONNECT; the schema public may be used by everybody
  traits.read_privileges = {"CONNECT", "SELECT"};
  traits.write_privileges = {"INSERT"};
  traits.log_in = LogInToPostgresql;
  traits.quote = Quote;
  traits.block_grants = [](const std::string& database,
                           const std::string& user) -> std::vector<std::string> {
    return {"BEGIN", "GRANT CONNECT ON DATABASE " + Quote(database) + " TO " + Quote(user)};
  };
  traits.count_waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
  const auto for_many = [](const char* verb) {
    return [verb](const std::string& prefix, int count) -> std::vector<std::string> {
      return {
          fmt::format("DO $$ BEGIN FOR i IN 1..{} LOOP EXECUTE format('{} ROLE %I', '{}' || i); "
                      "END LOOP; END $$",
                      count, verb, prefix)};
    };
  };
  traits.make_many_users = for_many("CREATE");
  traits.drop_many_users = for_many("DROP");
  traits.hard_data = kHardData;
  traits.compare = kCompare;
  traits.bulk_data = {
      "CREATE TABLE bulk AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 60000) "
      "i"};
  traits.many_rows = {
      "CREATE TABLE t AS SELECT n, md5(n::text) AS h FROM generate_series(1, 50000) n",
      "CREATE INDEX ON t (h)"};
  traits.sum_of_rows = "SELECT count(*), md5(string_agg(h, '' ORDER BY n)) FROM t";
  traits.vital_files = {"base"};
  traits.settings = Settings();
  return traits;
}

}  // namespace dbagent::tests
