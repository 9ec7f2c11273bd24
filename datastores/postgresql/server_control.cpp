#include "datastores/postgresql/server_control.h"

#include "agent/base/kill_point.h"
#include "agent/base/pause.h"
#include "agent/stream/fd_stream.h"
#include "datastores/current_generation.h"
#include "datastores/log_file.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/server_log.h"
#include "datastores/postgresql/tools.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kPollPause(50);
constexpr std::chrono::milliseconds kTryBudget = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kKillBudget = std::chrono::seconds(10);
constexpr std::chrono::milliseconds kStopBudget = std::chrono::minutes(2);
// SQLSTATE: no such role, one that may not log in, no line for it, another OS user
constexpr std::string_view kRefusedLogin = "28000";
constexpr int kBootstrapRole = 10;  // its oid, BOOTSTRAP_SUPERUSERID of PostgreSQL's pg_authid.dat

}  // namespace

Status PostgresServerControl::Initialise(const OpContext& ctx, const InitialiseSpec& spec) {
  RETURN_IF_ERROR(ctx.Poll());
  const std::map<std::string, std::string> parameters = GenerationParameter(spec.generation);
  RETURN_IF_ERROR(ForEachFile(
      ctx, server_.host, {kListData, parameters, -1, -1, {}}, [&](const ListedFile&) -> Status {
        return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_NOT_EMPTY",
                     "unable to initialise '{}': it is not empty", spec.generation.data.string());
      }));
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> initdb,
                   server_.host.RunTool({kInitdb, parameters, -1, -1, {}}));
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *initdb, kInitdb));
  KillPoint("postgresql.initialised");
  return Secure(ctx, spec.generation);
}

Status PostgresServerControl::Secure(const OpContext& ctx, const os::Generation& generation) {
  // A line is a statement. Users enter databases that they were let into, and neither of these two.
  std::string sql = "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;\n";
  // Debian's tools look for this role; nobody needs to be it
  if (server_.agent() != "postgres") sql += "CREATE ROLE postgres NOLOGIN;\n";
  sql += CreateOwnRoles();
  return RunSingleUser(ctx, kSingleUser, generation, sql);
}

// The agent's role is the one that initdb made, which cannot be dropped, owns the catalog and holds
// what the agent has written into default privileges: it gets the new agent's name. Somebody who
// has that name is renamed. Only single-user mode can do it, and no statement of its own can.
Status PostgresServerControl::AdoptData(const OpContext& ctx, const os::Generation& generation) {
  const std::string agent = Literal(server_.agent());
  std::string sql = fmt::format(
      "UPDATE pg_catalog.pg_authid SET rolname = rolname || '-' || oid WHERE rolname = {0} AND oid "
      "<> {1};\n"
      "UPDATE pg_catalog.pg_authid SET rolname = {0}, rolsuper = true, rolinherit = true, "
      "rolcreaterole = true, rolcreatedb = true, rolcanlogin = true, rolreplication = true, "
      "rolbypassrls = true, rolconnlimit = -1, rolpassword = NULL, rolvaliduntil = NULL WHERE oid "
      "= {1};\n",
      agent, kBootstrapRole);
  if (server_.agent() != "postgres")
    sql +=
        "DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ''postgres'') "
        "THEN CREATE ROLE postgres NOLOGIN; END IF; END';\n";
  return RunSingleUser(ctx, kAdopt, generation, sql);
}

Status PostgresServerControl::RunSingleUser(const OpContext& ctx, const char* tool,
                                            const os::Generation& generation,
                                            const std::string& sql) {
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  // the few bytes fit into the pipe: nobody needs to read meanwhile
  RETURN_IF_ERROR(os::WriteAll(pipe.write_end.get(), sql, "the pipe to the server"));
  pipe.write_end.Reset();
  ASSIGN_OR_RETURN(
      const std::unique_ptr<os::ChildProcess> single,
      server_.host.RunTool({tool, GenerationParameter(generation), pipe.read_end.get(), -1, {}}));
  return os::WaitForSuccess(ctx, *single, tool);
}

Status PostgresServerControl::Start(const OpContext& ctx) {
  RETURN_IF_ERROR(ctx.Poll());
  const bool ran = server_.host.ServerState().process == os::ServerProcess::kRunning;
  const std::uint64_t log_before = LogSize(server_.log_file());
  RETURN_IF_ERROR(server_.host.StartServer());
  Status answered = AwaitAnswer(ctx, log_before);
  if (answered.reason() == kRefusesAgent && !ran) {
    answered = AdoptAndStart(ctx);
    if (answered.reason() == kRefusesAgent)
      server_.host.StopServer(ctx.ForCleanup(kKillBudget))
          .Ignore("that it refuses the agent is what counts");
  }
  RETURN_IF_ERROR(std::move(answered));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  RETURN_IF_ERROR(EnsureOwnRoles(ctx, *session));
  return DisarmLoaders(ctx, *session);
}

Status PostgresServerControl::AdoptAndStart(const OpContext& ctx) {
  RETURN_IF_ERROR(server_.host.StopServer(ctx.WithBudget(kStopBudget)));
  ASSIGN_OR_RETURN(const os::Generation current, CurrentGeneration(server_.settings.volume));
  RETURN_IF_ERROR(AdoptData(ctx, current));
  const std::uint64_t log_before = LogSize(server_.log_file());
  RETURN_IF_ERROR(server_.host.StartServer());
  return AwaitAnswer(ctx, log_before);
}

Status PostgresServerControl::AwaitAnswer(const OpContext& ctx, std::uint64_t log_before) {
  const std::uint32_t restarts_before = server_.host.ServerState().restarts;
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    const OpContext attempt = ctx.WithBudget(kTryBudget);
    Result<SessionPool::Lease> session = server_.pool.Take(attempt);
    if (session.ok()) {
      // restored files answer questions before their recovery has ended, and take no changes yet
      const Result<Rows> recovering = (*session)->Query(attempt, "SELECT pg_is_in_recovery()");
      if (recovering.ok() && !recovering->True(0, 0)) return Ok();
    } else if (HasSqlState(session.status(), kRefusedLogin)) {
      return Error(Code::kFailedPrecondition, kRefusesAgent,
                   "unable to use the server: it refuses the agent's role '{}'", server_.agent())
          .WithHint("restart it: its start makes the role usable again")
          .WithCause(session.status());
    } else if (session.status().reason() == "SERVER_ERROR") {
      // it runs and refuses the agent: waiting does not help
      Status failed = StartFailed("it refuses the agent", log_before);
      return std::move(failed).WithCause(session.status());
    }
    const os::ServerProcessState state = server_.host.ServerState();
    if (state.process == os::ServerProcess::kCrashed || state.restarts > restarts_before + 1) {
      Status failed =
          StartFailed(state.last_exit.empty() ? "it ended" : state.last_exit, log_before);
      // what cannot start would be restarted over and over
      server_.host.StopServer(ctx.ForCleanup(kKillBudget))
          .Ignore("there is no process; the failure is what counts");
      return failed;
    }
    Pause(ctx, kPollPause);
  }
}

Status PostgresServerControl::StartFailed(const std::string& why, std::uint64_t log_before) const {
  return Error(Code::kFailedPrecondition, "SERVER_START_FAILED",
               "unable to start the server: {}: {}", why, LogWords(server_.log_file(), log_before));
}

Status PostgresServerControl::Stop(const OpContext& ctx) {
  server_.pool.CloseIdle();
  return server_.host.StopServer(ctx);
}

}  // namespace dbagent::datastore::postgresql
