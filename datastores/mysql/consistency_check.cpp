// CHECK TABLE of every table that holds data, as mysqlcheck and mariadb-check do it.
#include <set>

#include "agent/base/pause.h"
#include "agent/base/redact.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::chrono::minutes kComeBackBudget{5};
constexpr std::chrono::milliseconds kStartPause{500};
constexpr int kMostStarts = 3;

// Views are statements, and the data of these engines' tables lies elsewhere.
constexpr const char* kTables =
    "SELECT table_schema, table_name, COALESCE(data_length, 0) + COALESCE(index_length, 0) FROM "
    "information_schema.tables WHERE table_type NOT IN ('VIEW', 'SYSTEM VIEW') AND "
    "COALESCE(engine, '') NOT IN ('FEDERATED', 'MRG_MyISAM', 'BLACKHOLE', 'PERFORMANCE_SCHEMA', "
    "'SPIDER', "
    "'CONNECT', 'SPHINX') "
    "AND table_schema NOT IN ('information_schema', 'performance_schema') ORDER BY 1, 2";
constexpr const char* kTotal =
    "SELECT SUM(COALESCE(data_length, 0) + COALESCE(index_length, 0)) FROM "
    "information_schema.tables";

bool IsGone(const Status& status) {
  return status.reason() == "SERVER_UNAVAILABLE";
}

class Check : public ConsistencyCheck {
 public:
  Check(Server& server, ServerControl& control) : server_(server), control_(control) {}
  Status CheckData(const OpContext& ctx, DataReport& report) override;

 private:
  Status CheckTable(const OpContext& ctx, const std::string& database, const std::string& table,
                    DataReport& report);
  Status AwaitServer(const OpContext& ctx);

  Server& server_;
  ServerControl& control_;
};

// Rows are (table, operation, kind, text), the last one `status`, or a note that the engine cannot
// be asked.
void Judge(const Rows& said, const std::string& database, const std::string& table,
           DataReport& report) {
  bool told = false;
  for (const Row& row : said) {
    if (TextOf(row[2]) != "error" && TextOf(row[2]) != "Error") continue;
    report.Add({database, table, Redact(TextOf(row[3]))});
    told = true;
  }
  if (told || said.empty()) return;
  const std::string &kind = TextOf(said.back()[2]), &text = TextOf(said.back()[3]);
  if (kind == "note" || text == "OK" || text == "Table is already up to date") return;
  report.Add({database, table, Redact(text)});
}

Status Check::CheckTable(const OpContext& ctx, const std::string& database,
                         const std::string& table, DataReport& report) {
  const Result<Rows> said =
      Query(server_, ctx, "check a table",
            fmt::format("CHECK TABLE {}.{}", QuoteIdentifier(database), QuoteIdentifier(table)));
  if (said.ok()) {
    Judge(*said, database, table, report);
    return Ok();
  }
  RETURN_IF_ERROR(ctx.Poll());
  if (!IsGone(said.status())) {
    if (said.status().reason() != "SERVER_ERROR") return said.status();
    report.Add({database, table, said.status().message()});
    return Ok();
  }
  // InnoDB ends the server on a page that it must not go on with
  report.Add(
      {database, table, "the server ended while it was checked: " + said.status().FullMessage()});
  return AwaitServer(ctx);
}

// The session may be known to be lost before the process is known to have ended: the first start
// then finds one that ends under it.
Status Check::AwaitServer(const OpContext& ctx) {
  server_.pool.Clear();
  for (int starts = 1;; ++starts) {
    Status started = control_.Start(ctx.WithBudget(kComeBackBudget));
    if (started.reason() != "SERVER_START_FAILED" || starts == kMostStarts) return started;
    Pause(ctx, kStartPause);
  }
}

Status Check::CheckData(const OpContext& ctx, DataReport& report) {
  report.checks.emplace_back("CHECK TABLE");
  ASSIGN_OR_RETURN(const Rows total, Query(server_, ctx, "ask for the data's size", kTotal));
  ctx.SetTotalBytes(NumberOf(total.front()[0]));
  ASSIGN_OR_RETURN(const Rows tables, Query(server_, ctx, "list all tables", kTables));
  std::set<std::string> databases;
  for (const Row& row : tables) {
    const std::string &database = TextOf(row[0]), &table = TextOf(row[1]);
    ctx.Say(fmt::format("table {}.{}", database, table));
    RETURN_IF_ERROR(CheckTable(ctx, database, table, report));
    databases.insert(database);
    ++report.tables;
    ctx.AddBytes(NumberOf(row[2]));
  }
  report.databases = databases.size();
  return Ok();
}

}  // namespace

std::unique_ptr<ConsistencyCheck> MakeConsistencyCheck(Server& server, ServerControl& control) {
  return std::make_unique<Check>(server, control);
}

}  // namespace dbagent::datastore::mysql
