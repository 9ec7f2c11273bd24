#pragma once

#include "datastores/datastore.h"
#include "datastores/mysql/connection_pool.h"
#include "datastores/mysql/layout.h"
#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// What the driver's parts share.
struct Server {
  Server(const ServerSettings& the_settings, const DatastoreInfo& info, os::InstanceHost& the_host)
      : settings(the_settings),
        dialect(info),
        layout(the_settings),
        host(the_host),
        pool({layout.socket.native(), the_settings.os_user}) {}

  const ServerSettings settings;
  const Dialect dialect;
  const Layout layout;
  os::InstanceHost& host;
  ConnectionPool pool;
};

// A statement, or rows, on a connection of the pool.
Status Execute(Server& server, const OpContext& ctx, std::string_view what, const std::string& sql);
Result<Rows> Query(Server& server, const OpContext& ctx, std::string_view what,
                   const std::string& sql, const std::vector<std::string>& parameters = {});

// A tool that starts a server on a generation and runs the statements in it, to its end. `what` is
// that start, for errors.
Status RunFirstStart(Server& server, const OpContext& ctx, const char* tool,
                     const os::Generation& generation, const std::string& statements,
                     std::string_view what);

// ServerControl::AdoptData. `what` is its start of a server, for errors.
Status Adopt(Server& server, const OpContext& ctx, const os::Generation& generation,
             std::string_view what);

// Text of a column that is never NULL.
inline const std::string& TextOf(const std::optional<std::string>& value) {
  static const std::string kNone;
  return value ? *value : kNone;
}
std::uint64_t NumberOf(const std::optional<std::string>& value);

// Ends sessions (never the agent's own): of a user whose client fits the account's host, or of all
// in a database.
Status EndSessionsOf(Server& server, const OpContext& ctx, const UserId& user);
Status EndSessionsIn(Connection& connection, const OpContext& ctx, const std::string& database);

}  // namespace dbagent::datastore::mysql
