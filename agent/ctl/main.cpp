#include <clocale>

#include "agent/ctl/session.h"

using dbagent::ctl::Session;

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // column widths of names in every script
  CLI::App app{
      "dbagentctl: talks to dbagentd, over its local socket or (--address) over mutual TLS."};
  app.footer(
      "Exit codes: 0 done; 1 the agent refused or failed; 2 wrong command line; 3 the agent does "
      "not answer;\n"
      "4 some items of a batch failed; 5 the operation ended as failed, cancelled or orphaned.\n"
      "Passwords are never arguments: --password-file FILE (or -), --password-fd N, "
      "--password-prompt.");
  app.require_subcommand(1);
  app.set_version_flag("--version", "dbagentctl " DBAGENT_VERSION);
  Session session;
  app.add_option("--socket", session.target.socket, "the agent's local socket")
      ->capture_default_str()
      ->envname("DBAGENT_SOCKET");
  CLI::Option* address =
      app.add_option("--address", session.target.address,
                     "host:port of a remote agent; needs --ca, --certificate, --key");
  CLI::Option* ca =
      app.add_option("--ca", session.target.ca, "CA of the agent's certificate (PEM)");
  CLI::Option* certificate =
      app.add_option("--certificate", session.target.certificate, "own certificate (PEM)");
  CLI::Option* key = app.add_option("--key", session.target.key, "own private key (PEM)");
  address->needs(ca)->needs(certificate)->needs(key);
  app.add_option("--server-name", session.target.server_name,
                 "name in the agent's certificate, when it is not the address");
  int seconds = 60;
  app.add_option("--timeout", seconds,
                 "seconds that a call may take (operations are followed to their end)")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  app.add_flag("--json", session.json, "answer in JSON, for programs");
  app.add_flag("--no-wait", session.no_wait,
               "do not follow operations; answer as soon as they are accepted");
  app.add_option("--request-id", session.request_id,
                 "id of this request: repeated with it, nothing is done twice");
  app.parse_complete_callback([&] { session.target.timeout = std::chrono::seconds(seconds); });
  app.fallthrough();  // global options may stand anywhere

  dbagent::ctl::AddInstanceCommands(app, session);
  dbagent::ctl::AddDatabaseCommands(app, session);
  dbagent::ctl::AddUserCommands(app, session);
  dbagent::ctl::AddGrantCommands(app, session);
  dbagent::ctl::AddOperationCommands(app, session);
  dbagent::ctl::AddBackupCommands(app, session);
  dbagent::ctl::AddKeyCommands(app, session);
  dbagent::ctl::AddConfigCommands(app, session);
  dbagent::ctl::AddCompletionCommand(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : dbagent::ctl::kUsage;
  }
  return session.exit_code;
}
