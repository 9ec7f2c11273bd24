#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace dbagent::tests {

// A user's session, over TCP to 127.0.0.1 unless said otherwise, made with the plain client
// library: the proof that a login works or does not. Threads: one at a time.
class ClientSession {
 public:
  using Table = std::vector<std::vector<std::string>>;  // NULL stands as `<null>`
  virtual ~ClientSession() = default;
  // One statement. QUERY_FAILED.
  virtual Result<Table> Query(const std::string& sql) = 0;
};

struct Login {
  std::string user;
  Secret password;
  std::string database;     // empty: none in particular, where the server has that
  std::string socket = {};  // instead of TCP: MySQL's socket, the directory of PostgreSQL's
  bool encrypt = true;      // TLS on TCP where the server has it
};

// LOGIN_REFUSED.
Result<std::unique_ptr<ClientSession>> LogInToPostgresql(std::uint16_t port, const Login& login);
Result<std::unique_ptr<ClientSession>> LogInToMysql(std::uint16_t port, const Login& login);

}  // namespace dbagent::tests
