#include <mysql.h>

#include "tests/support/client_session.h"

namespace dbagent::tests {
namespace {

class MysqlSession : public ClientSession {
 public:
  explicit MysqlSession(MYSQL* connection) : connection_(connection, &mysql_close) {}

  Result<Table> Query(const std::string& sql) override {
    if (mysql_real_query(connection_.get(), sql.data(), sql.size()) != 0) {
      return Error(Code::kInternal, "QUERY_FAILED", "{}: {}", sql, mysql_error(connection_.get()));
    }
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(
        mysql_store_result(connection_.get()), &mysql_free_result);
    if (!result && mysql_errno(connection_.get()) != 0) {  // some errors come with the rows
      return Error(Code::kInternal, "QUERY_FAILED", "{}: {}", sql, mysql_error(connection_.get()));
    }
    Table table;
    while (result) {
      const MYSQL_ROW row = mysql_fetch_row(result.get());
      if (row == nullptr) break;
      const unsigned long* const lengths = mysql_fetch_lengths(result.get());
      std::vector<std::string> cells;
      for (unsigned column = 0; column < mysql_num_fields(result.get()); ++column) {
        cells.push_back(row[column] == nullptr ? "<null>"
                                               : std::string(row[column], lengths[column]));
      }
      table.push_back(std::move(cells));
    }
    return table;
  }

 private:
  std::unique_ptr<MYSQL, decltype(&mysql_close)> connection_;
};

}  // namespace

Result<std::unique_ptr<ClientSession>> LogInToMysql(std::uint16_t port, const Login& login) {
  MYSQL* const connection = mysql_init(nullptr);
  auto session = std::make_unique<MysqlSession>(connection);
  const unsigned timeout = 10;
  mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
  // TLS where the server has it: without, MySQL takes no password of more than 213 bytes
  const my_bool encrypt = login.socket.empty() && login.encrypt;
  mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &encrypt);
  mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const bool tcp = login.socket.empty();
  if (mysql_real_connect(connection, tcp ? "127.0.0.1" : nullptr, login.user.c_str(),
                         login.password.RevealCString(),
                         login.database.empty() ? nullptr : login.database.c_str(), port,
                         tcp ? nullptr : login.socket.c_str(), 0) == nullptr) {
    return Error(Code::kUnauthenticated, "LOGIN_REFUSED", "{}", mysql_error(connection));
  }
  return std::unique_ptr<ClientSession>(std::move(session));
}

}  // namespace dbagent::tests
