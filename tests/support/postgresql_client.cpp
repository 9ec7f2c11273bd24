#include <libpq-fe.h>

#include <array>

#include "tests/support/client_session.h"

namespace dbagent::tests {
namespace {

class PostgresqlSession : public ClientSession {
 public:
  explicit PostgresqlSession(PGconn* connection) : connection_(connection, &PQfinish) {}

  Result<Table> Query(const std::string& sql) override {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(connection_.get(), sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      return Error(Code::kInternal, "QUERY_FAILED", "{}: {}", sql,
                   PQerrorMessage(connection_.get()));
    }
    Table table;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      std::vector<std::string> cells;
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        cells.push_back(PQgetisnull(result.get(), row, column) != 0
                            ? "<null>"
                            : PQgetvalue(result.get(), row, column));
      }
      table.push_back(std::move(cells));
    }
    return table;
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace

Result<std::unique_ptr<ClientSession>> LogInToPostgresql(std::uint16_t port, const Login& login) {
  const std::string port_text = std::to_string(port);
  const char* const database = login.database.empty() ? "postgres" : login.database.c_str();
  const std::array<const char*, 9> keys = {
      "host",    "port", "user", "password", "dbname", "connect_timeout", "client_encoding",
      "sslmode", nullptr};
  const std::array<const char*, 9> values = {
      login.socket.empty() ? "127.0.0.1" : login.socket.c_str(),
      port_text.c_str(),
      login.user.c_str(),
      login.password.RevealCString(),
      database,
      "10",
      "UTF8",
      login.encrypt ? "prefer" : "disable",
      nullptr};
  PGconn* connection = PQconnectdbParams(keys.data(), values.data(), 0);
  auto session = std::make_unique<PostgresqlSession>(connection);
  if (PQstatus(connection) != CONNECTION_OK) {
    return Error(Code::kUnauthenticated, "LOGIN_REFUSED", "{}", PQerrorMessage(connection));
  }
  PQsetNoticeReceiver(
      connection, [](void*, const PGresult*) {}, nullptr);
  return std::unique_ptr<ClientSession>(std::move(session));
}

}  // namespace dbagent::tests
