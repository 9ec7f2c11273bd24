#include "datastores/mysql/table_check.h"

#include "datastores/mysql/file_copy.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

// Where no user's database can be in the way.
constexpr const char* kProbe = "mysql.dbagent_write_check";

// Views are statements, and the data of these engines' tables lies elsewhere.
constexpr const char* kTables =
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type NOT IN "
    "('VIEW', 'SYSTEM VIEW') AND COALESCE(engine, '') NOT IN ('FEDERATED', 'MRG_MyISAM') AND "
    "table_schema NOT IN ('information_schema', 'performance_schema') ORDER BY 1, 2";

Status CheckWrites(Connection& connection, const OpContext& ctx) {
  const std::string table = kProbe;
  for (const std::string& sql :
       {"DROP TABLE IF EXISTS " + table, "CREATE TABLE " + table + " (n int) ENGINE = InnoDB",
        "INSERT INTO " + table + " VALUES (1)", "DROP TABLE " + table}) {
    RETURN_IF_ERROR(connection.Execute(ctx, "write to the restored server", sql));
  }
  return Ok();
}

}  // namespace

Status CheckTables(Server& server, const OpContext& ctx) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  RETURN_IF_ERROR(CheckWrites(*connection, ctx));
  ASSIGN_OR_RETURN(const Rows tables, connection->Query(ctx, "list all tables", kTables));
  std::vector<std::string> unreadable;
  for (const Row& row : tables) {
    const std::string &database = TextOf(row[0]), &table = TextOf(row[1]);
    const Status opened =
        connection->Execute(ctx, "open a table",
                            fmt::format("SELECT 1 FROM {}.{} LIMIT 0", QuoteIdentifier(database),
                                        QuoteIdentifier(table)));
    if (opened.ok()) continue;
    if (opened.reason() != "SERVER_ERROR") return opened;  // the server is gone, or the time
    unreadable.push_back(fmt::format("{}.{}", database, table));
  }
  if (unreadable.empty()) return Ok();
  return Error(Code::kDataLoss, "DATA_UNREADABLE", "{} tables cannot be opened: {}",
               unreadable.size(), Listed(unreadable));
}

}  // namespace dbagent::datastore::mysql
