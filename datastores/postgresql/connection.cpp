#include "datastores/postgresql/connection.h"

#include <poll.h>

#include <array>

#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/socket_wait.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kCancelBudget = std::chrono::seconds(1);

}  // namespace

bool Rows::IsNull(std::size_t row, int column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

std::string Rows::Text(std::size_t row, int column) const {
  const int at = static_cast<int>(row);
  return {PQgetvalue(result_.get(), at, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}

Result<std::unique_ptr<Connection>> Connection::Open(const OpContext& ctx, const Target& target) {
  RETURN_IF_ERROR(ctx.Poll());
  const std::string port = std::to_string(target.port);
  // Shared names (databases, roles) are bytes that no database's encoding converts. Ours are UTF-8,
  // so outside the UTF-8 maintenance database the bytes must pass as they are.
  const char* const encoding = target.database == kMaintenanceDatabase ? "UTF8" : "SQL_ASCII";
  const std::array<const char*, 10> keys = {
      "host",    "port",    "user",        "dbname", "application_name", "client_encoding",
      "options", "sslmode", "replication", nullptr};
  const std::array<const char*, 10> values = {target.socket_directory.c_str(),
                                              port.c_str(),
                                              target.user.c_str(),
                                              target.database.c_str(),
                                              "dbagent",
                                              encoding,
                                              target.options.c_str(),
                                              "disable",
                                              target.replication ? "true" : "false",
                                              nullptr};
  PGconn* raw = PQconnectStartParams(keys.data(), values.data(), 0);
  if (raw == nullptr)
    return Error(Code::kResourceExhausted, "NO_MEMORY", "unable to connect: out of memory");
  std::unique_ptr<Connection> connection(new Connection(raw, target));
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  if (Status status = connection->AwaitLogin(ctx); !status.ok()) {
    if (HasSqlState(status, "3D000")) {
      return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "no database '{}'", target.database);
    }
    return std::move(status).Wrap("unable to connect to the server");
  }
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  PQsetnonblocking(raw, 1);
  // notices are texts for people at a terminal
  PQsetNoticeReceiver(
      raw, [](void*, const PGresult*) {}, nullptr);
  return connection;
}

Status Connection::AwaitLogin(const OpContext& ctx) {
  PGconn* const raw = handle();
  if (PQstatus(raw) == CONNECTION_BAD) return ErrorOfConnection(raw);
  SocketWait wait(ctx);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    RETURN_IF_ERROR(wait.Until(PQsocket(raw), state == PGRES_POLLING_READING ? POLLIN : POLLOUT));
    state = PQconnectPoll(raw);
    if (state == PGRES_POLLING_FAILED) return ErrorOfConnection(raw);
  }
  return Ok();
}

Result<Rows> Connection::Query(const OpContext& ctx, const std::string& sql,
                               const std::vector<std::string>& parameters) {
  RETURN_IF_ERROR(ctx.Poll());
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) {
    if (parameter.find('\0') != std::string::npos) {
      return Error(Code::kInvalidArgument, "NAME_INVALID",
                   "a text for the server holds a NUL byte");
    }
    values.push_back(parameter.c_str());
  }
  if (PQsendQueryParams(handle(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    return ErrorOfConnection(handle());
  }
  Result<Rows> rows = Receive(ctx);
  if (!rows.ok() && cancels_ && PQtransactionStatus(handle()) == PQTRANS_ACTIVE)
    CancelStatement(ctx);
  return rows;
}

Status Connection::Run(const OpContext& ctx, const std::string& sql,
                       const std::vector<std::string>& parameters) {
  return Query(ctx, sql, parameters).status();
}

Result<Rows> Connection::Receive(const OpContext& ctx) {
  SocketWait wait(ctx);
  for (int unsent = PQflush(handle()); unsent != 0; unsent = PQflush(handle())) {
    if (unsent < 0) return ErrorOfConnection(handle());
    RETURN_IF_ERROR(wait.Until(PQsocket(handle()), POLLIN | POLLOUT));
    if (PQconsumeInput(handle()) == 0) return ErrorOfConnection(handle());
  }
  std::optional<Rows> last;
  for (;;) {
    while (PQisBusy(handle()) != 0) {
      RETURN_IF_ERROR(wait.Until(PQsocket(handle()), POLLIN));
      if (PQconsumeInput(handle()) == 0) return ErrorOfConnection(handle());
    }
    PGresult* const result = PQgetResult(handle());
    if (result == nullptr) break;
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      Status error = ErrorOfResult(result);
      // the end of the answer follows at once; without it the session would count as busy
      while (PQstatus(handle()) == CONNECTION_OK) {
        while (PQisBusy(handle()) != 0) {
          RETURN_IF_ERROR(wait.Until(PQsocket(handle()), POLLIN));
          if (PQconsumeInput(handle()) == 0) return error;
        }
        PGresult* const more = PQgetResult(handle());
        if (more == nullptr) break;
        PQclear(more);
      }
      return error;
    }
    last.emplace(std::move(rows));
  }
  if (!last) return Error(Code::kInternal, "SERVER_ERROR", "the server answered nothing");
  return *std::move(last);
}

void Connection::CancelStatement(const OpContext& ctx) {
  const OpContext own = ctx.ForCleanup(kCancelBudget);
  Target target = target_;
  target.database = kMaintenanceDatabase;
  Result<std::unique_ptr<Connection>> other = Open(own, target);
  if (!other.ok())
    return;  // closing this connection ends the statement, within client_connection_check_interval
  (*other)->DoNotCancel();
  (*other)
      ->Run(own, "SELECT pg_cancel_backend($1::int)", {std::to_string(PQbackendPID(handle()))})
      .Ignore("as above");
  Receive(own).status().Ignore("whatever it ended with, the caller is told of the stop");
}

Status Connection::Undo(const OpContext& ctx, Status error) {
  Run(ctx.ForCleanup(kCancelBudget), "ROLLBACK")
      .Ignore(
          "a session that did not roll back is not reused, and the server rolls back at its end");
  return error;
}

bool Connection::Reusable() {
  if (PQstatus(handle()) != CONNECTION_OK || PQtransactionStatus(handle()) != PQTRANS_IDLE)
    return false;
  // something that was said unasked is most often a goodbye
  pollfd fd = {PQsocket(handle()), POLLIN, 0};
  return poll(&fd, 1, 0) == 0;
}

}  // namespace dbagent::datastore::postgresql
