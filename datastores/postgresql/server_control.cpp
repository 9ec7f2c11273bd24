#include "datastores/postgresql/server_control.h"

#include "agent/base/kill_point.h"
#include "agent/base/pause.h"
#include "agent/stream/fd_stream.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/loader_roles.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/server_log.h"
#include "datastores/postgresql/tools.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kPollPause(50);
constexpr std::chrono::milliseconds kTryBudget = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kKillBudget = std::chrono::seconds(10);

}  // namespace

Status PostgresServerControl::Initialise(const OpContext& ctx, const InitialiseSpec& spec) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(const std::vector<std::string> there, os::ListDirectory(spec.generation.data));
  if (!there.empty()) {
    return Error(Code::kFailedPrecondition, "DATA_DIRECTORY_NOT_EMPTY",
                 "unable to initialise '{}': it is not empty", spec.generation.data.string());
  }
  const std::map<std::string, std::string> parameters = {
      {"generation", std::to_string(spec.generation.number)}};
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> initdb,
                   server_.host.RunTool({kInitdb, parameters, -1, -1, {}}));
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *initdb, kInitdb));
  KillPoint("postgresql.initialised");
  return Secure(ctx, parameters);
}

Status PostgresServerControl::Secure(const OpContext& ctx,
                                     const std::map<std::string, std::string>& parameters) {
  // A line is a statement. Users enter databases that they were let into, and neither of these two.
  std::string sql = "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;\n";
  // Debian's tools look for this role; nobody needs to be it
  if (server_.agent() != "postgres") sql += "CREATE ROLE postgres NOLOGIN;\n";
  sql += CreateOwnRoles();
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  // the few bytes fit into the pipe: nobody needs to read meanwhile
  RETURN_IF_ERROR(os::WriteAll(pipe.write_end.get(), sql, "the pipe to the server"));
  pipe.write_end.Reset();
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> single,
                   server_.host.RunTool({kSingleUser, parameters, pipe.read_end.get(), -1, {}}));
  return os::WaitForSuccess(ctx, *single, kSingleUser);
}

Status PostgresServerControl::Start(const OpContext& ctx) {
  RETURN_IF_ERROR(ctx.Poll());
  RETURN_IF_ERROR(os::MakeDirectories(server_.settings.runtime_directory, 0700));
  const std::uintmax_t log_before = LogSize(server_.log_file());
  RETURN_IF_ERROR(server_.host.StartServer());
  RETURN_IF_ERROR(AwaitAnswer(ctx, log_before));
  ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
  RETURN_IF_ERROR(EnsureOwnRoles(ctx, *session));
  return DisarmLoaders(ctx, *session);
}

Status PostgresServerControl::AwaitAnswer(const OpContext& ctx, std::uintmax_t log_before) {
  const std::uint32_t restarts_before = server_.host.ServerState().restarts;
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    const OpContext attempt = ctx.WithBudget(kTryBudget);
    Result<SessionPool::Lease> session = server_.pool.Take(attempt);
    if (session.ok()) {
      // restored files answer questions before their recovery has ended, and take no changes yet
      const Result<Rows> recovering = (*session)->Query(attempt, "SELECT pg_is_in_recovery()");
      if (recovering.ok() && !recovering->True(0, 0)) return Ok();
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

Status PostgresServerControl::StartFailed(const std::string& why, std::uintmax_t log_before) const {
  return Error(Code::kFailedPrecondition, "SERVER_START_FAILED",
               "unable to start the server: {}: {}", why, LogWords(server_.log_file(), log_before));
}

Status PostgresServerControl::Stop(const OpContext& ctx) {
  server_.pool.CloseIdle();
  return server_.host.StopServer(ctx);
}

}  // namespace dbagent::datastore::postgresql
