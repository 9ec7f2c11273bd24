#include "datastores/postgresql/datastore.h"

#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kHealthBudget(1500);

// A new connection: one that is open says nothing about whether a user can get in.
Result<std::string> Ask(const Server& server) {
  const OpContext ctx = OpContext().WithBudget(kHealthBudget);
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
  connection->DoNotCancel();
  ASSIGN_OR_RETURN(const Rows rows,
                   connection->Query(ctx, "SELECT current_setting('server_version')"));
  return rows.Text(0, 0);
}

bool IsStarting(const Status& status) {
  // nobody listens yet (no SQLSTATE), or it answers that it starts or recovers
  if (HasSqlState(status, "57P03")) return true;
  return status.reason() == "SERVER_UNAVAILABLE" &&
         !status.metadata().contains(std::string(kSqlState));
}

}  // namespace

Health PostgresDatastore::CheckHealth() {
  const os::ServerProcessState state = server_.host.ServerState();
  if (state.process == os::ServerProcess::kStopped) {
    const Result<std::optional<std::uint64_t>> prepared = server_.settings.volume.CurrentNumber();
    if (!prepared.ok()) return {HealthState::kNotPrepared, prepared.status().FullMessage(), ""};
    return {*prepared ? HealthState::kStopped : HealthState::kNotPrepared, "", ""};
  }
  if (state.process == os::ServerProcess::kCrashed)
    return {HealthState::kCrashed, state.last_exit, ""};
  const Result<std::string> version = Ask(server_);
  if (version.ok()) return {HealthState::kHealthy, "", *version};
  return {IsStarting(version.status()) ? HealthState::kStarting : HealthState::kUnresponsive,
          version.status().FullMessage(), ""};
}

}  // namespace dbagent::datastore::postgresql
