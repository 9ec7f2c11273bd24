#include "datastores/mysql/connection.h"

#include <cstring>
#include <mutex>

#include "datastores/mysql/interrupter.h"
#include "datastores/mysql/server_error.h"
#include "datastores/mysql/session_setup.h"

namespace dbagent::datastore::mysql {
namespace {

struct CloseStatement {
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};
struct FreeResult {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Statement = std::unique_ptr<MYSQL_STMT, CloseStatement>;
using StoredResult = std::unique_ptr<MYSQL_RES, FreeResult>;

std::vector<MYSQL_BIND> BindParameters(const std::vector<std::string>& parameters) {
  std::vector<MYSQL_BIND> binds(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::memset(&binds[i], 0, sizeof binds[i]);
    binds[i].buffer_type = MYSQL_TYPE_STRING;
    binds[i].buffer = const_cast<char*>(parameters[i].data());  // the library only reads it
    binds[i].buffer_length = parameters[i].size();
  }
  return binds;
}

// Buffers that fit the longest value of each column.
class ResultBuffers {
 public:
  explicit ResultBuffers(MYSQL_RES& metadata) {
    const unsigned count = mysql_num_fields(&metadata);
    const MYSQL_FIELD* fields = mysql_fetch_fields(&metadata);
    texts_.resize(count);
    lengths_.resize(count);
    nulls_.resize(count);
    binds_.resize(count);
    for (unsigned i = 0; i < count; ++i) {
      texts_[i].resize(
          std::max<std::size_t>(fields[i].max_length, 64));  // numbers become text here
      std::memset(&binds_[i], 0, sizeof binds_[i]);
      binds_[i].buffer_type = MYSQL_TYPE_STRING;
      binds_[i].buffer = texts_[i].data();
      binds_[i].buffer_length = texts_[i].size();
      binds_[i].length = &lengths_[i];
      binds_[i].is_null = &nulls_[i];
    }
  }
  MYSQL_BIND* binds() { return binds_.data(); }
  Row row() const {
    Row row(texts_.size());
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (nulls_[i] == 0) row[i] = texts_[i].substr(0, lengths_[i]);
    }
    return row;
  }

 private:
  std::vector<std::string> texts_;
  std::vector<unsigned long> lengths_;
  std::vector<my_bool> nulls_;
  std::vector<MYSQL_BIND> binds_;
};

Rows TextRows(MYSQL_RES& result) {
  Rows rows;
  const unsigned count = mysql_num_fields(&result);
  while (const MYSQL_ROW values = mysql_fetch_row(&result)) {
    const unsigned long* lengths = mysql_fetch_lengths(&result);
    Row& row = rows.emplace_back(count);
    for (unsigned i = 0; i < count; ++i) {
      if (values[i] != nullptr) row[i] = std::string(values[i], lengths[i]);
    }
  }
  return rows;
}

// MYSQL_CLIENT_AUTHENTICATION_PLUGIN of <mysql/client_plugin.h>, which includes what is not
// installed.
constexpr int kAuthenticationPlugin = 2;

// What MySQL's greeting asks for is loaded at the first connection, and two first ones at a time
// disturb each other in the client library (3.3.20: `Got packets out of order`). MariaDB's own
// methods are built in; where the file is missing, the connection says so.
void LoadMysqlsMethod(MYSQL* mysql) {
  static std::once_flag once;
  std::call_once(once, [mysql] {
    mysql_client_find_plugin(mysql, "caching_sha2_password", kAuthenticationPlugin);
  });
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const OpContext& ctx, const Address& address,
                                                     Interrupter* interrupter,
                                                     std::chrono::seconds patience) {
  RETURN_IF_ERROR(ctx.Poll());
  MYSQL* mysql = mysql_init(nullptr);
  if (mysql == nullptr)
    return Error(Code::kResourceExhausted, "SERVER_UNAVAILABLE", "unable to connect: no memory");
  std::unique_ptr<Connection> connection(new Connection(mysql, interrupter));
  LoadMysqlsMethod(mysql);
  const auto seconds = static_cast<unsigned>(patience.count());
  const unsigned protocol = MYSQL_PROTOCOL_SOCKET;
  const unsigned off = 0;
  mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  if (interrupter == nullptr) {
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  }
  mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
  mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(mysql, MYSQL_INIT_COMMAND, kSessionSetup);
  if (mysql_real_connect(mysql, nullptr, address.account.c_str(), nullptr, nullptr, 0,
                         address.socket.c_str(), 0) == nullptr) {
    return connection->LastError(ctx, "connect to the server");
  }
  return connection;
}

template <typename Call>
bool Connection::Watched(const OpContext& ctx, Call call) {
  if (interrupter_ == nullptr) return call();
  const Interrupter::Watch watch(*interrupter_, ctx, mysql_thread_id(mysql_),
                                 mysql_get_socket(mysql_));
  const bool done = call();
  if (watch.fired()) reusable_ = false;
  return done;
}

Status Connection::LastError(const OpContext& ctx, std::string_view what) {
  return ServerError(ctx, what, mysql_errno(mysql_), mysql_sqlstate(mysql_), mysql_error(mysql_));
}

Status Connection::Execute(const OpContext& ctx, std::string_view what, const std::string& sql) {
  ASSIGN_OR_RETURN(const Rows rows, Query(ctx, what, sql));
  return Ok();
}

Result<Rows> Connection::Query(const OpContext& ctx, std::string_view what, const std::string& sql,
                               const std::vector<std::string>& parameters) {
  if (Status ended = ctx.Poll(); !ended.ok())
    return std::move(ended).Wrap(fmt::format("unable to {}", what));
  if (parameters.empty()) {
    StoredResult result;
    const bool done = Watched(ctx, [&] {
      if (mysql_real_query(mysql_, sql.data(), sql.size()) != 0) return false;
      result.reset(mysql_store_result(mysql_));
      return result != nullptr || mysql_errno(mysql_) == 0;
    });
    if (!done) return LastError(ctx, what);
    return result ? TextRows(*result) : Rows();
  }
  const Statement statement(mysql_stmt_init(mysql_));
  MYSQL_STMT* raw = statement.get();
  std::vector<MYSQL_BIND> binds = BindParameters(parameters);
  const my_bool yes = 1;
  mysql_stmt_attr_set(raw, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
  const bool done = Watched(ctx, [&] {
    return mysql_stmt_prepare(raw, sql.data(), sql.size()) == 0 &&
           mysql_stmt_bind_param(raw, binds.data()) == 0 && mysql_stmt_execute(raw) == 0 &&
           mysql_stmt_store_result(raw) == 0;
  });
  const auto failed = [&] {
    return ServerError(ctx, what, mysql_stmt_errno(raw), mysql_stmt_sqlstate(raw),
                       mysql_stmt_error(raw));
  };
  if (!done) return failed();
  const StoredResult metadata(mysql_stmt_result_metadata(raw));
  if (!metadata) return Rows();
  ResultBuffers buffers(*metadata);
  if (mysql_stmt_bind_result(raw, buffers.binds()) != 0) return failed();
  Rows rows;
  int fetched = 0;
  while ((fetched = mysql_stmt_fetch(raw)) == 0) rows.push_back(buffers.row());
  if (fetched != MYSQL_NO_DATA) return failed();
  return rows;
}

bool Connection::Answers(const OpContext& ctx) {
  return Watched(ctx, [&] { return mysql_ping(mysql_) == 0; });
}

}  // namespace dbagent::datastore::mysql
