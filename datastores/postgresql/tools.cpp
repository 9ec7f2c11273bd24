#include "datastores/postgresql/tools.h"

#include <array>
#include <csignal>

#include "datastores/postgresql/config.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/session_options.h"
#include "datastores/postgresql/system_values.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::postgresql {
namespace {

using os::ParameterKind;

const std::map<std::string, ParameterKind> kOnGeneration = {
    {"generation", ParameterKind::kGeneration}};
const std::map<std::string, std::string> kServerEnvironment = {{"LC_ALL", "C"}, {"TZ", "UTC"}};

// Names pass as they are, see Connection::Open. lc_messages is only a superuser's to set; the
// server's own is C.
std::map<std::string, std::string> ClientEnvironment(const DatastoreInfo& info) {
  return {{"LC_ALL", "C"},
          {"PGAPPNAME", "dbagent"},
          {"PGOPTIONS", ClientOptions(info.major)},
          {"PGPASSFILE", "/dev/null"},
          {"PGSSLMODE", "disable"}};
}

std::string Connect(const ServerSettings& settings, const std::string& user) {
  return fmt::format("--dbname=host={} port={} user={} dbname={{database}}",
                     ConnectionValue(settings.runtime_directory.string()), settings.port, user);
}

void AddValues(const Values& values, std::vector<std::string>& arguments) {
  for (const auto& [name, value] : values)
    arguments.insert(arguments.end(), {"-c", name + "=" + value});
}

// With the configuration's entry file.
std::vector<std::string> ServerArguments(const ServerSettings& settings, std::uint32_t major,
                                         const std::string& data, const std::string& config_file) {
  std::vector<std::string> arguments = {"-D", data, "-c", "config_file=" + config_file};
  Values constants = ConstantValues(settings);
  constants["data_directory"] = data;
  AddValues(constants, arguments);
  if (settings.scratch) AddValues(ScratchValues(major), arguments);
  return arguments;
}

os::ToolDefinition Adopt(const ServerSettings& settings, std::uint32_t major,
                         const os::Path& programs) {
  std::vector<std::string> arguments = {"--single"};
  const std::vector<std::string> of_server =
      ServerArguments(settings, major, "{generation}/data", settings.volume.config() / kMainFile);
  arguments.insert(arguments.end(), of_server.begin(), of_server.end());
  AddValues({{"exit_on_error", "on"},
             {"log_min_messages", "warning"},
             {"shared_preload_libraries", ""},
             {"session_preload_libraries", ""},
             {"local_preload_libraries", ""}},
            arguments);
  arguments.emplace_back("postgres");
  return {kAdopt, programs / "postgres", std::move(arguments), kOnGeneration, kServerEnvironment};
}

std::vector<std::string> TryStartArguments(const ServerSettings& settings, std::uint32_t major) {
  std::vector<std::string> arguments =
      ServerArguments(settings, major, settings.volume.current() / "data",
                      settings.volume.config() / "sets" / "{set}" / kMainFile);
  // it reads and checks everything, says what was asked, and ends
  arguments.insert(arguments.end(), {"-C", "config_file"});
  return arguments;
}

os::ServerDefinition MakeServer(const ServerSettings& settings, std::uint32_t major,
                                const os::Path& programs) {
  const os::Volume& volume = settings.volume;
  os::ServerDefinition server;
  server.command.name = "postgres";
  server.command.program = programs / "postgres";
  server.command.arguments =
      ServerArguments(settings, major, volume.current() / "data", volume.config() / kMainFile);
  server.command.environment = kServerEnvironment;
  server.log_file = LogFile(settings);
  server.stop_signal = SIGINT;
  server.kill_signal = SIGQUIT;
  server.pid_file = volume.current() / "data" / "postmaster.pid";
  return server;
}

// What the backup's manifest names and a restore leaves out.
constexpr std::array<const char*, 8> kLeftOut = {
    "postgresql.conf", "postgresql.auto.conf", "pg_hba.conf",    "pg_ident.conf",
    "recovery.signal", "standby.signal",       "postmaster.pid", "postmaster.opts"};

void AddCheckTools(const os::Path& extract, const os::Path& programs, os::ToolTable& table) {
  table.tools.push_back({kKeepManifest,
                         extract,
                         {"file", "{generation}/log", "backup_manifest"},
                         kOnGeneration,
                         kServerEnvironment});
  table.tools.push_back(
      {kLinkTablespace,
       "/usr/bin/ln",
       {"--symbolic", "--", "{generation}/tablespaces/{oid}", "{generation}/data/pg_tblspc/{oid}"},
       {{"generation", ParameterKind::kGeneration}, {"oid", ParameterKind::kNumber}},
       kServerEnvironment});
  std::vector<std::string> verify = {"--quiet", "--manifest-path={generation}/log/backup_manifest"};
  for (const char* const file : kLeftOut) verify.push_back(std::string("--ignore=") + file);
  verify.emplace_back("{generation}/data");
  table.tools.push_back({kVerifyFiles, programs / "pg_verifybackup", std::move(verify),
                         kOnGeneration, kServerEnvironment});
}

}  // namespace

os::Path LogFile(const ServerSettings& settings) {
  if (!settings.log_file.empty()) return settings.log_file;
  return settings.volume.current() / "log" / "postgresql.log";
}

os::ToolTable MakeTools(const ServerSettings& settings, const DatastoreInfo& info,
                        const os::Path& programs) {
  os::ToolTable table;
  table.tools = {
      {kInitdb,
       programs / "initdb",
       {"--pgdata={generation}/data", "--username=" + settings.os_user, "--auth-local=peer",
        "--auth-host=reject", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8",
        "--no-instructions"},
       kOnGeneration,
       kServerEnvironment},
      {kSingleUser,
       programs / "postgres",
       {"--single", "-D", "{generation}/data", "-c", "exit_on_error=on", "-c",
        "log_min_messages=warning", "postgres"},
       kOnGeneration,
       kServerEnvironment},
      {kDump,
       programs / "pg_dump",
       {Connect(settings, ConnectionValue(settings.os_user)), "--format=plain",
        "--snapshot={snapshot}", "--no-owner", "--no-privileges",
        // another server has others; only superusers may use most of them
        "--no-tablespaces",
        // a copy must not begin to replicate
        "--no-subscriptions"},
       {{"database", ParameterKind::kText}, {"snapshot", ParameterKind::kText}},
       ClientEnvironment(info),
       os::RunAs::kAgent},
      {kPsql,
       programs / "psql",
       {"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-",
        // SQLSTATEs tell what a load lacks
        "--set=VERBOSITY=verbose", Connect(settings, "{user}")},
       {{"database", ParameterKind::kText}, {"user", ParameterKind::kText}},
       ClientEnvironment(info),
       os::RunAs::kAgent}};
  table.tools[3].environment.emplace("PGCLIENTENCODING", "SQL_ASCII");
  const os::Path extract = settings.own_programs / "dbagent-extract";
  // What could make the restored server run or read something of a stranger's choice stays out.
  table.tools.push_back(
      {kExtractData,
       extract,
       {"--mark", "{generation}/tmp/unpacked", "tar", "{generation}/data", "postgresql.conf",
        "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "recovery.signal", "standby.signal",
        "postmaster.pid", "postmaster.opts", "backup_manifest"},
       kOnGeneration,
       kServerEnvironment});
  table.tools.push_back(
      {kExtractTablespace,
       extract,
       {"--mark", "{generation}/tmp/unpacked-{oid}", "tar", "{generation}/tablespaces/{oid}"},
       {{"generation", ParameterKind::kGeneration}, {"oid", ParameterKind::kNumber}},
       kServerEnvironment});
  table.tools.push_back(
      {kPutFile,
       extract,
       {"file", "{generation}/data", "{name}"},
       {{"generation", ParameterKind::kGeneration}, {"name", ParameterKind::kText}},
       kServerEnvironment});
  table.tools.push_back({kTryStart,
                         programs / "postgres",
                         TryStartArguments(settings, info.major),
                         {{"set", ParameterKind::kNumber}},
                         kServerEnvironment});
  table.tools.push_back(Adopt(settings, info.major, programs));
  table.tools.push_back(ListFilesTool(kListData, "{generation}/data", 1, kOnGeneration));
  table.tools.push_back(
      ListFilesTool(kListTablespaces, "{generation}/tablespaces", 1, kOnGeneration));
  table.tools.push_back(ReadFileTool(kReadVersion, "{generation}/data/PG_VERSION", kOnGeneration));
  table.tools.push_back(
      ReadFileTool(kReadTablespaceMap, "{generation}/data/tablespace_map", kOnGeneration));
  if (settings.scratch) AddCheckTools(extract, programs, table);
  table.server = MakeServer(settings, info.major, programs);
  return table;
}

}  // namespace dbagent::datastore::postgresql
