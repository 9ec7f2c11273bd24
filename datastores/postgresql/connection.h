#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::datastore::postgresql {

// Where to connect: always a unix socket, always as the agent's own role by peer, never with a
// password.
struct Target {
  std::string socket_directory;
  std::uint16_t port = 0;
  std::string user;
  std::string database;
  std::string options;       // what the session is started with (session_options.h)
  bool replication = false;  // a session for the replication protocol, which knows no parameters
};

// What a statement answered.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result, &PQclear) {}
  std::size_t size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
  bool empty() const { return size() == 0; }
  bool IsNull(std::size_t row, int column) const;
  std::string Text(std::size_t row, int column) const;  // empty for NULL
  bool True(std::size_t row, int column) const { return Text(row, column) == "t"; }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// One session. libpq is driven without blocking, so a stop or a deadline ends every wait: the
// statement on the server is cancelled, and its end is awaited for at most a second; then the
// connection counts as broken.
//
// Cancelling goes by pg_cancel_backend() on a second connection, since PQcancel() of libpq 15 waits
// without limit for a postmaster that hangs.
//
// Threads: one at a time.
class Connection {
 public:
  // SERVER_UNAVAILABLE, DATABASE_NOT_FOUND, SERVER_ERROR.
  static Result<std::unique_ptr<Connection>> Open(const OpContext& ctx, const Target& target);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One statement. Parameters are $1, $2 …, as text, and hold no NUL byte (NAME_INVALID).
  Result<Rows> Query(const OpContext& ctx, const std::string& sql,
                     const std::vector<std::string>& parameters = {});
  Status Run(const OpContext& ctx, const std::string& sql,
             const std::vector<std::string>& parameters = {});
  // Runs `body` between BEGIN and COMMIT; its error, a stop or a deadline rolls back.
  template <typename Body>
  Status InTransaction(const OpContext& ctx, const Body& body);

  // Idle, alive as far as can be told without a round trip, and outside a transaction.
  bool Reusable();
  // Leaves a statement that is out of time to the end of the connection, where even a second is too
  // long.
  void DoNotCancel() { cancels_ = false; }
  PGconn* handle() { return connection_.get(); }

 private:
  Connection(PGconn* connection, Target target)
      : connection_(connection, &PQfinish), target_(std::move(target)) {}
  Status AwaitLogin(const OpContext& ctx);
  Result<Rows> Receive(const OpContext& ctx);
  void CancelStatement(const OpContext& ctx);
  Status Undo(const OpContext& ctx, Status error);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  Target target_;
  bool cancels_ = true;
};

template <typename Body>
Status Connection::InTransaction(const OpContext& ctx, const Body& body) {
  RETURN_IF_ERROR(Run(ctx, "BEGIN"));
  if (Status status = body(); !status.ok()) return Undo(ctx, std::move(status));
  if (Status status = Run(ctx, "COMMIT"); !status.ok()) return Undo(ctx, std::move(status));
  return Ok();
}

}  // namespace dbagent::datastore::postgresql
