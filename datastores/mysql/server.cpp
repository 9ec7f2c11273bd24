#include "datastores/mysql/server.h"

#include <charconv>

namespace dbagent::datastore::mysql {

Status Execute(Server& server, const OpContext& ctx, std::string_view what,
               const std::string& sql) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  return connection->Execute(ctx, what, sql);
}

Result<Rows> Query(Server& server, const OpContext& ctx, std::string_view what,
                   const std::string& sql, const std::vector<std::string>& parameters) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  return connection->Query(ctx, what, sql, parameters);
}

std::uint64_t NumberOf(const std::optional<std::string>& value) {
  std::uint64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

}  // namespace dbagent::datastore::mysql
