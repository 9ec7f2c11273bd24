#include "datastores/postgresql/consistency_check.h"

#include <charconv>
#include <optional>
#include <sstream>

#include "agent/base/redact.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/tools.h"
#include "datastores/tool_output.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::minutes kComeBackBudget{5};
constexpr std::string_view kToolError = "pg_verifybackup: error: ";
constexpr int kMostOfRelation = 5;
constexpr std::size_t kMostTablespaces = 10'000;

// In a place of its own choosing a database's owner could put functions of the same names beside
// them; in pg_catalog nobody but a superuser can.
constexpr std::string_view kInstall[] = {"CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog",
                                         "ALTER EXTENSION amcheck SET SCHEMA pg_catalog",
                                         "ALTER EXTENSION amcheck UPDATE"};

// Unlogged tables are empty after a restore, temporary ones belong to sessions that are gone.
constexpr const char* kRelations =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind, "
    "pg_catalog.pg_table_size(c.oid) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON "
    "n.oid = c.relnamespace JOIN pg_catalog.pg_am a ON a.oid = c.relam LEFT JOIN "
    "pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE c.relpersistence = 'p' AND "
    "((c.relkind IN ('r', 'm', 't') AND a.amname = 'heap') OR (c.relkind = 'i' AND a.amname = "
    "'btree' AND i.indisvalid AND i.indisready AND i.indislive)) ORDER BY c.relkind = 'i', c.oid";

std::uint64_t Number(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool IsGone(const Status& status) {
  return status.reason() == "SERVER_UNAVAILABLE";
}

}  // namespace

class PostgresConsistencyCheck::Session {
 public:
  Session(Server& server, ServerControl& control, std::string database)
      : server_(server), control_(control), database_(std::move(database)) {}

  // A server that is away is awaited first, and its error is only answered when it went meanwhile.
  Result<Rows> Query(const OpContext& ctx, const std::string& sql,
                     const std::vector<std::string>& parameters = {}) {
    if (connection_ == nullptr) {
      if (fell_) RETURN_IF_ERROR(control_.Start(ctx.WithBudget(kComeBackBudget)));
      ASSIGN_OR_RETURN(connection_, server_.pool.Connect(ctx, database_));
    }
    Result<Rows> rows = connection_->Query(ctx, sql, parameters);
    if (!rows.ok() && IsGone(rows.status())) {
      connection_.reset();
      server_.pool.CloseIdle();
      fell_ = true;
    }
    return rows;
  }

 private:
  Server& server_;
  ServerControl& control_;
  const std::string database_;
  std::unique_ptr<Connection> connection_;
  bool fell_ = false;
};

Status PostgresConsistencyCheck::CheckFiles(const OpContext& ctx, const UnpackSpec& spec,
                                            DataReport& report) {
  ASSIGN_OR_RETURN(const bool has_manifest, os::Exists(spec.generation.log / "backup_manifest"));
  if (!has_manifest) {
    return Error(Code::kDataLoss, "ARCHIVE_CORRUPT",
                 "the backup has no backup_manifest: its files cannot be held against it");
  }
  const std::string number = std::to_string(spec.generation.number);
  // the manifest names the files of tablespaces by these links, which the server makes at its start
  std::vector<std::string> tablespaces;
  RETURN_IF_ERROR(
      ForEachFile(ctx, server_.host, {kListTablespaces, {{"generation", number}}, -1, -1, {}},
                  [&tablespaces](const ListedFile& file) -> Status {
                    tablespaces.push_back(file.name);
                    if (tablespaces.size() <= kMostTablespaces) return Ok();
                    return Error(Code::kDataLoss, "ARCHIVE_CORRUPT",
                                 "the backup has more than {} tablespaces", kMostTablespaces);
                  }));
  for (const std::string& oid : tablespaces) {
    ASSIGN_OR_RETURN(const auto link,
                     server_.host.RunTool(
                         {kLinkTablespace, {{"generation", number}, {"oid", oid}}, -1, -1, {}}));
    RETURN_IF_ERROR(os::WaitForSuccess(ctx, *link, kLinkTablespace));
  }
  ASSIGN_OR_RETURN(const auto tool,
                   server_.host.RunTool({kVerifyFiles, {{"generation", number}}, -1, -1, {}}));
  ASSIGN_OR_RETURN(const os::ExitStatus exit, tool->Wait(ctx));
  report.checks.emplace_back(kVerifyFiles);
  if (exit.success()) return Ok();
  std::istringstream lines(tool->stderr_tail());
  const std::uint64_t before = report.finding_count;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kToolError)) report.Add({"", "", line.substr(kToolError.size())});
  }
  if (report.finding_count > before) return Ok();
  return Error(Code::kInternal, "TOOL_FAILED", "unable to run {}: {}: {}", kVerifyFiles,
               exit.ToString(), tool->stderr_tail());
}

Status PostgresConsistencyCheck::CheckRelation(const OpContext& ctx, Session& session,
                                               const Relation& relation, bool amcheck,
                                               DataReport& report) {
  const bool index = relation.kind == 'i';
  const std::string object = (index ? "index " : "") + relation.name;
  const Result<Rows> rows =
      index     ? session.Query(ctx, "SELECT pg_catalog.bt_index_check($1::oid::regclass)",
                                {relation.oid})
      : amcheck ? session.Query(
                      ctx,
                      "SELECT blkno, offnum, attnum, msg FROM pg_catalog.verify_heapam(relation "
                      "=> $1::oid::regclass, on_error_stop => false, check_toast => true)",
                      {relation.oid})
                : session.Query(ctx, "SELECT pg_catalog.count(*) FROM ONLY " + relation.name);
  if (!rows.ok()) {
    RETURN_IF_ERROR(ctx.Poll());
    if (IsGone(rows.status())) {
      report.Add({relation.database, object,
                  "the server ended while it was read: " + rows.status().FullMessage()});
      return Ok();
    }
    if (rows.status().reason() != "SERVER_ERROR") return rows.status();
    report.Add({relation.database, object, rows.status().message()});
    return Ok();
  }
  if (index || !amcheck) return Ok();
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (row == kMostOfRelation) {
      report.Add(
          {relation.database, object, fmt::format("and {} more", rows->size() - kMostOfRelation)});
      break;
    }
    report.Add({relation.database, object,
                fmt::format("block {}, row {}: {}", rows->Text(row, 0), rows->Text(row, 1),
                            Redact(rows->Text(row, 3)))});
  }
  return Ok();
}

Status PostgresConsistencyCheck::CheckDatabase(const OpContext& ctx, const std::string& database,
                                               bool amcheck, DataReport& report) {
  Session session(server_, control_, database);
  const auto look = [&](const std::string& sql) -> Result<Rows> {
    Result<Rows> rows = session.Query(ctx, sql);
    if (rows.ok()) return rows;
    RETURN_IF_ERROR(ctx.Poll());
    // nothing can be said of what is in it: its own catalog is damaged
    report.Add({database, "", rows.status().FullMessage()});
    return rows;
  };
  if (amcheck) {
    for (const std::string_view sql : kInstall) {
      if (!look(std::string(sql)).ok()) return ctx.Poll();
    }
  }
  const Result<Rows> rows = look(kRelations);
  if (!rows.ok()) return ctx.Poll();
  ++report.databases;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const Relation relation{rows->Text(row, 0), rows->Text(row, 1), database,
                            rows->Text(row, 2).front(), Number(rows->Text(row, 3))};
    if (relation.kind == 'i' && !amcheck) continue;
    ctx.Say(fmt::format("database {}: {}", database, relation.name));
    RETURN_IF_ERROR(CheckRelation(ctx, session, relation, amcheck, report));
    if (relation.kind == 'r' || relation.kind == 'm') ++report.tables;
    ctx.AddBytes(relation.bytes);
  }
  return Ok();
}

Status PostgresConsistencyCheck::CheckData(const OpContext& ctx, DataReport& report) {
  Session session(server_, control_, "postgres");
  ASSIGN_OR_RETURN(
      const Rows total,
      session.Query(ctx,
                    "SELECT pg_catalog.sum(pg_catalog.pg_tablespace_size(oid))::bigint FROM "
                    "pg_catalog.pg_tablespace"));
  ctx.SetTotalBytes(Number(total.Text(0, 0)));
  ASSIGN_OR_RETURN(
      const Rows extension,
      session.Query(ctx, "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'"));
  return CheckDatabases(ctx, !extension.empty(), report);
}

Status PostgresConsistencyCheck::CheckDatabases(const OpContext& ctx, bool amcheck,
                                                DataReport& report) {
  Session session(server_, control_, "postgres");
  report.checks.emplace_back(amcheck ? "verify_heapam, bt_index_check (amcheck)"
                                     : "every table read (the extension amcheck is not installed)");
  ASSIGN_OR_RETURN(const Rows databases,
                   session.Query(ctx,
                                 "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn "
                                 "AND datconnlimit <> -2 ORDER BY datname"));
  for (std::size_t row = 0; row < databases.size(); ++row)
    RETURN_IF_ERROR(CheckDatabase(ctx, databases.Text(row, 0), amcheck, report));
  return Ok();
}

}  // namespace dbagent::datastore::postgresql
