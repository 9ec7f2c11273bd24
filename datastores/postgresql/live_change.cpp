#include "datastores/postgresql/live_change.h"

#include "agent/base/pause.h"
#include "datastores/log_file.h"
#include "datastores/postgresql/describe.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/server_log.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kPollPause(20);
constexpr std::chrono::milliseconds kReloadBudget = std::chrono::seconds(10);

Status Refused(const std::string& name, const std::string& why) {
  return Error(Code::kFailedPrecondition, "SETTING_REFUSED", "unable to set parameter '{}': {}",
               name, why);
}

Result<std::unique_ptr<Connection>> Fresh(const OpContext& ctx, const Server& server) {
  return server.pool.Connect(ctx, std::string(kMaintenanceDatabase));
}

// What the server would say of its files: of the parameters in question, and of lines that are none
// (then it would take nothing of the file). That one waits for a restart counts as an error there,
// without a file when it is one that no file has any more.
Status CheckFiles(const OpContext& ctx, Connection& connection,
                  const std::vector<LiveChange>& changes) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx,
                       "SELECT coalesce(lower(f.name), ''), f.error, f.sourcefile, f.sourceline "
                       "FROM pg_file_settings f LEFT JOIN pg_settings s ON lower(s.name) = "
                       "lower(f.name) WHERE f.error IS NOT NULL AND f.sourcefile IS NOT NULL AND "
                       "s.context IS DISTINCT FROM 'postmaster' ORDER BY f.seqno"));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string name = rows.Text(row, 0);
    bool counts = name.empty();
    for (const LiveChange& change : changes) counts = counts || change.name == name;
    if (counts) {
      return Refused(name, fmt::format("{} ({} line {})", rows.Text(row, 1), rows.Text(row, 2),
                                       rows.Text(row, 3)));
    }
  }
  return Ok();
}

Status ClearPersisted(const OpContext& ctx, Connection& connection, const std::string& name) {
  std::string quoted;  // `extension.name` is two words
  const std::size_t dot = name.find('.');
  if (dot != std::string::npos) quoted = Identifier(name.substr(0, dot)) + ".";
  quoted += Identifier(dot == std::string::npos ? name : name.substr(dot + 1));
  Status cleared = connection.Run(ctx, "ALTER SYSTEM RESET " + quoted);
  if (cleared.reason() != "SERVER_ERROR") return cleared;
  return Refused(name, "its value of ALTER SYSTEM stays").WithCause(cleared);
}

// A session that was born after the reload.
Result<std::unique_ptr<Connection>> Reload(const OpContext& ctx, const Server& server) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> before, Fresh(ctx, server));
  ASSIGN_OR_RETURN(const Rows time, before->Query(ctx, "SELECT pg_conf_load_time()::text"));
  RETURN_IF_ERROR(before->Run(ctx, "SELECT pg_reload_conf()"));
  const Deadline deadline = Deadline::After(kReloadBudget);
  while (!deadline.expired()) {
    RETURN_IF_ERROR(ctx.Poll());
    ASSIGN_OR_RETURN(std::unique_ptr<Connection> session, Fresh(ctx, server));
    ASSIGN_OR_RETURN(
        const Rows newer,
        session->Query(ctx, "SELECT pg_conf_load_time() > $1::timestamptz", {time.Text(0, 0)}));
    if (newer.True(0, 0)) return session;
    Pause(ctx, kPollPause);
  }
  return Error(Code::kFailedPrecondition, "SETTING_REFUSED",
               "unable to change the configuration: the server did not read its files");
}

// Whether the line of a file that counts is where the parameter's value is from; the server may
// show it in other words (`on` as `pglz`).
Result<bool> TakenFromItsFile(const OpContext& ctx, Connection& session, const std::string& name) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(ctx,
                    "SELECT coalesce(s.sourcefile = f.sourcefile AND s.sourceline = f.sourceline, "
                    "false) FROM pg_settings s JOIN pg_file_settings f ON lower(f.name) = "
                    "lower(s.name) WHERE lower(s.name) = $1 ORDER BY f.seqno DESC LIMIT 1",
                    {name}));
  return !rows.empty() && rows.True(0, 0);
}

}  // namespace

Result<Values> ChangeLive(const OpContext& ctx, Server& server,
                          const std::vector<LiveChange>& changes) {
  const std::uint64_t log_before = LogSize(server.log_file());
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<Connection> session, Fresh(ctx, server));
    RETURN_IF_ERROR(CheckFiles(ctx, *session, changes));
    for (const LiveChange& change : changes)
      if (change.clear_persisted) RETURN_IF_ERROR(ClearPersisted(ctx, *session, change.name));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> session, Reload(ctx, server));
  ASSIGN_OR_RETURN(const Description description, DescribeServer(ctx, *session, server.settings));
  Values values;
  for (const LiveChange& change : changes) {
    const Parameter* const parameter = FindParameter(description, change.name);
    if (parameter == nullptr) return Refused(change.name, "the server does not know it");
    if (parameter->restart_required && change.clear_persisted) continue;
    values[change.name] = parameter->value;
    if (!change.value || parameter->value == *change.value) continue;
    ASSIGN_OR_RETURN(const bool taken, TakenFromItsFile(ctx, *session, change.name));
    if (taken && parameter->origin == ParameterOrigin::kFile) continue;
    std::string why = fmt::format("the server keeps '{}'", parameter->value);
    if (!parameter->origin_detail.empty()) why += " of " + parameter->origin_detail;
    const std::string words = LogWords(server.log_file(), log_before);
    return Refused(change.name, words.empty() ? why : why + ": " + words);
  }
  return values;
}

}  // namespace dbagent::datastore::postgresql
