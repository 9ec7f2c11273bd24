#pragma once

#include <mysql.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::datastore::mysql {

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

// Where the server listens for the agent.
struct Address {
  std::string socket;
  std::string account;
};

class Interrupter;

// A session as the agent's account. One thread at a time.
class Connection {
 public:
  // Waits at most `patience` for each step of the handshake. `interrupter` may be null: then
  // statements end only by themselves or after `patience` of silence.
  static Result<std::unique_ptr<Connection>> Open(const OpContext& ctx, const Address& address,
                                                  Interrupter* interrupter,
                                                  std::chrono::seconds patience);
  ~Connection() { mysql_close(mysql_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `what` completes the error's sentence: `create database 'shop'`.
  Status Execute(const OpContext& ctx, std::string_view what, const std::string& sql);
  // The rows; `?` in `sql` stands for the parameters, which the server takes as bytes.
  Result<Rows> Query(const OpContext& ctx, std::string_view what, const std::string& sql,
                     const std::vector<std::string>& parameters = {});

  bool Answers(const OpContext& ctx);
  // Whether another statement may follow (none was interrupted).
  bool reusable() const { return reusable_; }
  std::string server_version() const { return mysql_get_server_info(mysql_); }

 private:
  Connection(MYSQL* mysql, Interrupter* interrupter) : mysql_(mysql), interrupter_(interrupter) {}

  template <typename Call>
  bool Watched(const OpContext& ctx, Call call);
  Status LastError(const OpContext& ctx, std::string_view what);

  MYSQL* mysql_;
  Interrupter* interrupter_;
  bool reusable_ = true;
};

}  // namespace dbagent::datastore::mysql
