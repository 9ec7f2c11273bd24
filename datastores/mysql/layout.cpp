#include "datastores/mysql/layout.h"

#include "datastores/mysql/session_setup.h"

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

os::ToolDefinition Initialise(const ServerSettings& settings, const Dialect& dialect,
                              const Layout& layout) {
  Arguments arguments = {"--no-defaults", "--basedir=" + layout.prefix.native(),
                         "--datadir={generation}/data"};
  Append(arguments, dialect.InitialiseArguments(settings));
  const os::Path program = dialect.mariadb() ? layout.prefix / "bin/mariadb-install-db"
                                             : layout.prefix / "sbin" / dialect.server_program();
  return Tool(kInitialiseTool, program, std::move(arguments),
              {{"generation", ParameterKind::kGeneration}});
}

os::ToolDefinition Secure(const Dialect& dialect, const Layout& layout) {
  Arguments arguments = {"--no-defaults",
                         "--basedir=" + layout.prefix.native(),
                         "--datadir={generation}/data",
                         "--skip-networking",
                         "--socket=" + layout.first_socket.native(),
                         "--pid-file=" + layout.first_pid_file.native(),
                         "--init-file=/dev/fd/0"};
  Append(arguments, dialect.FirstStartOptions());
  return Tool(kSecureTool, layout.prefix / "sbin" / dialect.server_program(), std::move(arguments),
              {{"generation", ParameterKind::kGeneration}});
}

Arguments ClientArguments(const ServerSettings& settings, const Layout& layout) {
  return {"--no-defaults", "--protocol=socket", "--socket=" + layout.socket.native(),
          "--user=" + settings.os_user, "--default-character-set=utf8mb4"};
}

os::ToolDefinition Dump(const ServerSettings& settings, const Dialect& dialect,
                        const Layout& layout) {
  Arguments arguments = ClientArguments(settings, layout);
  Append(arguments, {"--single-transaction", "--quick", "--routines", "--events", "--triggers",
                     "--hex-blob", "--skip-dump-date", "--max-allowed-packet=1G"});
  Append(arguments, dialect.DumpOptions());
  Append(arguments, {"--", "{database}"});  // whatever the name begins with
  return Tool(kDumpTool, layout.prefix / "bin" / dialect.dump_program(), std::move(arguments),
              {{"database", ParameterKind::kText}});
}

os::ToolDefinition Load(const ServerSettings& settings, const Dialect& dialect,
                        const Layout& layout) {
  Arguments arguments = ClientArguments(settings, layout);
  // binary mode: no client command but DELIMITER, so that a dump cannot run programs
  Append(arguments, {"--batch", "--binary-mode", "--skip-reconnect", "--max-allowed-packet=1G",
                     std::string("--init-command=") + kSessionSetup, "--", "{database}"});
  return Tool(kLoadTool, layout.prefix / "bin" / dialect.client_program(), std::move(arguments),
              {{"database", ParameterKind::kText}});
}

}  // namespace

Layout::Layout(const ServerSettings& settings)
    : prefix(settings.programs.empty() ? "/usr" : settings.programs),
      configuration(settings.volume.config() / "mysql.cnf"),
      data(settings.volume.current() / "data"),
      log(settings.volume.current() / "log" / "server.log"),
      socket(settings.runtime_directory / "mysql.sock"),
      pid_file(settings.runtime_directory / "mysql.pid"),
      first_socket(settings.runtime_directory / "first.sock"),
      first_pid_file(settings.runtime_directory / "first.pid") {}

os::ToolTable ToolsOf(const ServerSettings& settings, const Dialect& dialect) {
  const Layout layout(settings);
  os::ToolTable table;
  table.tools = {Initialise(settings, dialect, layout), Secure(dialect, layout),
                 Dump(settings, dialect, layout), Load(settings, dialect, layout)};
  table.server.command = Tool("server", layout.prefix / "sbin" / dialect.server_program(),
                              {"--defaults-file=" + layout.configuration.native()}, {});
  table.server.log_file = layout.log;
  table.server.pid_file = layout.pid_file;
  return table;
}

}  // namespace dbagent::datastore::mysql
