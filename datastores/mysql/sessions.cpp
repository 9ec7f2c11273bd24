#include <arpa/inet.h>

#include <functional>

#include "datastores/mysql/server.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr unsigned kNoSuchThread = 1094;

// SQL's LIKE without escapes, on ASCII.
bool Like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '%') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (Like(text.substr(skip), pattern.substr(1))) return true;
    }
    return false;
  }
  if (text.empty() || (pattern.front() != '_' && pattern.front() != text.front())) return false;
  return Like(text.substr(1), pattern.substr(1));
}

// Whether an account for `host` can be the one of a client that SHOW PROCESSLIST shows at `client`
// (`10.0.0.7:51234`). A network counts as fitting all: better a session too many that logs in again
// than one too few.
bool Fits(std::string_view host, std::string_view client) {
  if (host.find('/') != std::string_view::npos) return true;
  return Like(client, host) || Like(client.substr(0, client.rfind(':')), host);
}

// As SHOW PROCESSLIST shows it.
struct Session {
  const std::string &id, &user, &host, &database;
};

// Not from information_schema.processlist: that needs a temporary table, and MariaDB 10.11 crashes
// when its session is killed while it makes one (ha_maria::drop_table).
Status EndSessions(Connection& connection, const OpContext& ctx,
                   const std::function<bool(const Session&)>& wanted) {
  ASSIGN_OR_RETURN(const Rows own,
                   connection.Query(ctx, "list sessions", "SELECT CONNECTION_ID()"));
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, "list sessions", "SHOW PROCESSLIST"));
  for (const Row& row : rows) {
    const Session session{TextOf(row[0]), TextOf(row[1]), TextOf(row[2]), TextOf(row[3])};
    if (session.id == TextOf(own.front()[0]) || !wanted(session)) continue;
    const Status killed = connection.Execute(ctx, "end a session", "KILL CONNECTION " + session.id);
    if (!killed.ok() && ServerErrno(killed) != kNoSuchThread) return killed;
  }
  return Ok();
}

}  // namespace

Status EndSessionsOf(Server& server, const OpContext& ctx, const UserId& user) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  return EndSessions(*connection, ctx, [&](const Session& session) {
    return session.user == user.name && Fits(user.host, session.host);
  });
}

Status EndSessionsIn(Connection& connection, const OpContext& ctx, const std::string& database) {
  return EndSessions(connection, ctx,
                     [&](const Session& session) { return session.database == database; });
}

}  // namespace dbagent::datastore::mysql
