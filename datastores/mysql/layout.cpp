#include "datastores/mysql/layout.h"

#include "datastores/mysql/session_setup.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::mysql {
namespace {

using Arguments = std::vector<std::string>;
using os::ParameterKind;

void Append(Arguments& to, const Arguments& more) {
  to.insert(to.end(), more.begin(), more.end());
}

os::ToolDefinition Tool(std::string name, const os::Path& program, Arguments arguments,
                        std::map<std::string, ParameterKind> parameters) {
  // mariadb-install-db is a script
  return {std::move(name),
          program.native(),
          std::move(arguments),
          std::move(parameters),
          {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}};
}

const std::map<std::string, ParameterKind> kOnGeneration = {
    {"generation", ParameterKind::kGeneration}};

// A server removes at its start what looks like its left-overs in its temporary directory, so
// none may share one.
constexpr const char* kOwnTemporary = "--tmpdir={generation}/tmp";

// A client of the running server.
os::ToolDefinition AsAgent(os::ToolDefinition tool) {
  tool.run_as = os::RunAs::kAgent;
  return tool;
}

os::ToolDefinition Initialise(const ServerSettings& settings, const Dialect& dialect,
                              const Layout& layout) {
  Arguments arguments = {"--no-defaults", "--basedir=" + layout.prefix.native(),
                         "--datadir={generation}/data", kOwnTemporary};
  Append(arguments, dialect.InitialiseArguments(settings));
  const os::Path program = dialect.mariadb() ? layout.prefix / "bin/mariadb-install-db"
                                             : layout.prefix / "sbin" / dialect.server_program();
  return Tool(kInitialiseTool, program, std::move(arguments), kOnGeneration);
}

os::ToolDefinition Secure(const Dialect& dialect, const Layout& layout) {
  Arguments arguments = {"--no-defaults",
                         "--basedir=" + layout.prefix.native(),
                         "--datadir={generation}/data",
                         kOwnTemporary,
                         "--skip-networking",
                         "--socket=" + layout.first_socket.native(),
                         "--pid-file=" + layout.first_pid_file.native(),
                         "--init-file=/dev/fd/0"};
  Append(arguments, dialect.FirstStartOptions());
  return Tool(kSecureTool, layout.prefix / "sbin" / dialect.server_program(), std::move(arguments),
              kOnGeneration);
}

Arguments ClientArguments(const ServerSettings& settings, const Layout& layout) {
  return {"--no-defaults", "--protocol=socket", "--socket=" + layout.socket.native(),
          "--user=" + settings.os_user, "--default-character-set=utf8mb4"};
}

os::ToolDefinition Dump(const ServerSettings& settings, const Dialect& dialect,
                        const Layout& layout) {
  Arguments arguments = ClientArguments(settings, layout);
  Append(arguments, {"--single-transaction", "--quick", "--routines", "--events", "--triggers",
                     "--hex-blob", "--skip-dump-date", "--max-allowed-packet=1G",
                     // LOCK TABLES would shut out the sequences that defaults take values from
                     "--skip-add-locks"});
  Append(arguments, dialect.DumpOptions());
  Append(arguments, {"--", "{database}"});  // whatever the name begins with
  return AsAgent(Tool(kDumpTool, layout.prefix / "bin" / dialect.dump_program(),
                      std::move(arguments), {{"database", ParameterKind::kText}}));
}

os::ToolDefinition Load(const ServerSettings& settings, const Dialect& dialect,
                        const Layout& layout) {
  Arguments arguments = ClientArguments(settings, layout);
  // binary mode: no client command but DELIMITER, so that a dump cannot run programs
  Append(arguments, {"--batch", "--binary-mode", "--skip-reconnect", "--max-allowed-packet=1G",
                     std::string("--init-command=") + kSessionSetup, "--", "{database}"});
  return AsAgent(Tool(kLoadTool, layout.prefix / "bin" / dialect.client_program(),
                      std::move(arguments), {{"database", ParameterKind::kText}}));
}

// Nothing that the data holds makes such a server act, and it fits beside one that has the
// machine's memory.
Arguments QuietOptions(const Dialect& dialect) {
  Arguments arguments = {"--skip-networking", "--skip-log-bin", "--skip-slave-start",
                         "--event-scheduler=OFF", "--innodb-buffer-pool-size=64M"};
  Append(arguments, dialect.QuietOptions());
  return arguments;
}

os::ToolDefinition Adopt(const Dialect& dialect, const Layout& layout) {
  Arguments arguments = {"--defaults-file=" + layout.configuration.native(),
                         "--datadir={generation}/data",
                         kOwnTemporary,
                         "--socket=" + layout.first_socket.native(),
                         "--pid-file=" + layout.first_pid_file.native(),
                         "--init-file=/dev/fd/0"};
  Append(arguments, QuietOptions(dialect));
  return Tool(kAdoptTool, layout.prefix / "sbin" / dialect.server_program(), std::move(arguments),
              kOnGeneration);
}

// What reads configuration and starts nothing. The data directory is another, so that nothing in
// the server's own is touched while it runs, and there is one before the first start.
std::vector<os::ToolDefinition> ConfigurationTools(const ServerSettings& settings,
                                                   const Dialect& dialect, const Layout& layout) {
  const os::Path program = layout.prefix / "sbin" / dialect.server_program();
  const os::Path set = settings.volume.config() / "sets/{set}" / layout.configuration.filename();
  Arguments read = {"--defaults-file=" + set.native(), "--datadir=/tmp", "--tmpdir=/tmp"};
  Append(read, dialect.TryStartOptions());
  return {
      Tool(kTryStartTool, program, std::move(read), {{"set", ParameterKind::kNumber}}),
      Tool(kOptionsTool, program,
           {"--no-defaults", "--basedir=" + layout.prefix.native(), "--verbose", "--help"}, {})};
}

// How the server's files are looked at and copied. What is staged lies in the generation, by its
// real path: the server keeps it.
std::vector<os::ToolDefinition> CopyTools(const ServerSettings& settings, const Dialect& dialect,
                                          const Layout& layout) {
  const std::string staging = std::string("{generation}/tmp/") + kStagingName;
  std::vector<os::ToolDefinition> tools = {
      ListFilesTool(kListDataTool, "{generation}/data", 2, kOnGeneration),
      ListFilesTool(kListTemporaryTool, "{generation}/tmp", 1, kOnGeneration),
      Tool(kMakeStagingTool, "/usr/bin/mkdir", {"--mode=0700", "--", staging}, kOnGeneration),
      Tool(kRemoveStagingTool, "/usr/bin/rm", {"--recursive", "--force", "--", staging},
           kOnGeneration)};
  if (!dialect.mariadb()) {
    tools.push_back(
        Tool(kPackTool, "/usr/bin/tar",
             {"--create", "--file=-", "--format=gnu", "--sort=name", "--owner=0", "--group=0",
              "--numeric-owner", "--no-acls", "--no-selinux", "--no-xattrs", "--exclude=./#clone",
              "--directory=" + staging + "/clone", "."},
             kOnGeneration));
    return tools;
  }
  const os::Path program = layout.prefix / "bin/mariadb-backup";
  tools.push_back(
      Tool(kMariadbBackupTool, program,
           {"--no-defaults", "--backup", "--stream=mbstream", "--socket=" + layout.socket.native(),
            "--user=" + settings.server_user, "--datadir=" + layout.data.native(),
            "--target-dir=" + staging, "--tmpdir=" + staging, "--open-files-limit=65535"},
           kOnGeneration));
  tools.push_back(
      Tool(kApplyLogTool, program,
           {"--no-defaults", "--prepare", "--target-dir={generation}/data",
            "--tmpdir={generation}/data", "--use-memory=64M", "--innodb-page-size={page_size}",
            "--innodb-undo-tablespaces={undo_tablespaces}",
            "--innodb-data-file-path=ibdata1:12M:autoextend", "--open-files-limit=65535"},
           {{"generation", ParameterKind::kGeneration},
            {"page_size", ParameterKind::kNumber},
            {"undo_tablespaces", ParameterKind::kNumber}}));
  return tools;
}

std::vector<os::ToolDefinition> RestoreTools(const ServerSettings& settings, const Dialect& dialect,
                                             const Layout& layout) {
  const os::Path extract = settings.own_programs / "dbagent-extract";
  // What could make the restored server or a tool run or read something of a stranger's choice
  // stays out: options, and a clone's lists of files to rename and remove.
  Arguments unpack = {"--mark",
                      "{generation}/tmp/unpacked",
                      dialect.mariadb() ? "mbstream" : "tar",
                      "{generation}/data",
                      "backup-my.cnf",
                      "my.cnf",
                      "auto.cnf",
                      "mysqld-auto.cnf",
                      "#clone"};
  Arguments tidy = {"--recursive", "--force", "--"};
  for (const char* left :
       {"backup-my.cnf", "xtrabackup_info", "xtrabackup_checkpoints", "xtrabackup_binlog_info",
        "xtrabackup_binlog_pos_innodb", "xtrabackup_slave_info", "xtrabackup_galera_info",
        "mariadb_backup_info", "mariadb_backup_checkpoints", "mariadb_backup_binlog_info",
        "mariadb_backup_slave_info", "mariadb_backup_galera_info", "#clone"}) {
    tidy.push_back(std::string("{generation}/data/") + left);
  }
  return {Tool(kExtractTool, extract, std::move(unpack), kOnGeneration),
          Tool(kPutBackupOptionsTool, extract, {"file", "{generation}/data", "backup-my.cnf"},
               kOnGeneration),
          Tool(kPutCloneStatusTool, extract, {"file", "{generation}/data/#clone", "#status_fix"},
               kOnGeneration),
          Tool(kTidyTool, "/usr/bin/rm", std::move(tidy), kOnGeneration), Adopt(dialect, layout)};
}

}  // namespace

Layout::Layout(const ServerSettings& settings)
    : prefix(settings.programs.empty() ? "/usr" : settings.programs),
      configuration(settings.volume.config() / "mysql.cnf"),
      data(settings.volume.current() / "data"),
      log(settings.log_file.empty() ? settings.volume.current() / "log" / "server.log"
                                    : settings.log_file),
      socket(settings.runtime_directory / "mysql.sock"),
      pid_file(settings.runtime_directory / "mysql.pid"),
      temporary(settings.volume.current() / "tmp"),
      first_socket(settings.runtime_directory / "first.sock"),
      first_pid_file(settings.runtime_directory / "first.pid") {}

os::ToolTable ToolsOf(const ServerSettings& settings, const Dialect& dialect) {
  const Layout layout(settings);
  os::ToolTable table;
  table.tools = {Initialise(settings, dialect, layout), Secure(dialect, layout),
                 Dump(settings, dialect, layout), Load(settings, dialect, layout)};
  for (const std::vector<os::ToolDefinition>& more :
       {CopyTools(settings, dialect, layout), RestoreTools(settings, dialect, layout),
        ConfigurationTools(settings, dialect, layout)})
    table.tools.insert(table.tools.end(), more.begin(), more.end());
  table.server.command = Tool("server", layout.prefix / "sbin" / dialect.server_program(),
                              {"--defaults-file=" + layout.configuration.native()}, {});
  if (settings.scratch) {
    Append(table.server.command.arguments, QuietOptions(dialect));
    // it is thrown away, whatever becomes of the machine
    Append(table.server.command.arguments,
           {"--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"});
    // a dump's DATA DIRECTORY leads out of the scratch volume, to the files of the table itself.
    // MySQL takes only directories that its configuration names, and this one's names none.
    if (dialect.mariadb()) table.server.command.arguments.emplace_back("--skip-symbolic-links");
  }
  table.server.log_file = layout.log;
  table.server.pid_file = layout.pid_file;
  return table;
}

}  // namespace dbagent::datastore::mysql
