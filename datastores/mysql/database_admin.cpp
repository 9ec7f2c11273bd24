#include <mysqld_error.h>

#include "datastores/mysql/names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

Status Unsupported(std::string_view field) {
  return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
               "unable to set '{}' of a database: MySQL databases have none", field);
}

Status NotFound(std::string_view name) {
  return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "unable to find database '{}': there is none",
               name);
}

// The contract's reasons for what CREATE and ALTER DATABASE refuse.
Status Translated(Status status, const std::string& name) {
  const auto as = [&](Code code, std::string_view reason) {
    return Error(code, reason, "{}", status.message());
  };
  switch (ServerErrno(status)) {
    case ER_DB_CREATE_EXISTS:
      return Error(Code::kAlreadyExists, "DATABASE_EXISTS",
                   "unable to create database '{}': it exists", name);
    case ER_BAD_DB_ERROR:
      return NotFound(name);
    case ER_UNKNOWN_CHARACTER_SET:
      return as(Code::kInvalidArgument, "CHARACTER_SET_UNKNOWN")
          .WithHint("SHOW CHARACTER SET lists those that there are");
    case ER_UNKNOWN_COLLATION:
    case ER_COLLATION_CHARSET_MISMATCH:
      return as(Code::kInvalidArgument, "COLLATION_UNKNOWN")
          .WithHint("SHOW COLLATION lists those of each character set");
    default:
      return status;
  }
}

std::string CharacterSetClause(const std::string& character_set, const std::string& collation) {
  std::string clause;
  if (!character_set.empty()) clause += " CHARACTER SET " + QuoteIdentifier(character_set);
  if (!collation.empty()) clause += " COLLATE " + QuoteIdentifier(collation);
  return clause;
}

// A name of a character set or a collation is of letters, digits and underscores; the server would
// cut another one.
Status CheckWord(std::string_view text, std::string_view reason, std::string_view noun) {
  for (char c : text) {
    const bool fits =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!fits)
      return Error(Code::kInvalidArgument, reason,
                   "unable to use {} '{}': there is none of this name", noun, text);
  }
  return Ok();
}

class Databases : public DatabaseAdmin {
 public:
  explicit Databases(Server& server) : server_(server) {}

  Status Check(const DatabaseSpec& spec) const override;
  Result<Page<DatabaseInfo>> List(const OpContext& ctx, const PageRequest<std::string>& page,
                                  bool with_size) override;
  Result<DatabaseInfo> Get(const OpContext& ctx, const std::string& name) override;
  Result<DatabaseInfo> Create(const OpContext& ctx, const DatabaseSpec& spec) override;
  Result<DatabaseInfo> Update(const OpContext& ctx, const DatabaseChange& change) override;
  Result<bool> Drop(const OpContext& ctx, const std::string& name) override;

 private:
  Status AddSizes(const OpContext& ctx, std::vector<DatabaseInfo>& databases);

  Server& server_;
};

Status Databases::Check(const DatabaseSpec& spec) const {
  RETURN_IF_ERROR(CheckDatabaseName(spec.name));
  if (!spec.ctype.empty()) return Unsupported("ctype");
  if (!spec.owner.empty()) return Unsupported("owner");
  if (spec.connection_limit) return Unsupported("connection_limit");
  RETURN_IF_ERROR(CheckWord(spec.character_set, "CHARACTER_SET_UNKNOWN", "character set"));
  return CheckWord(spec.collation, "COLLATION_UNKNOWN", "collation");
}

constexpr const char* kColumns =
    "SELECT schema_name, default_character_set_name, default_collation_name FROM "
    "information_schema.schemata ";

DatabaseInfo InfoFrom(const Row& row) {
  DatabaseInfo info;
  info.name = TextOf(row[0]);
  info.character_set = TextOf(row[1]);
  info.collation = TextOf(row[2]);
  return info;
}

Result<Page<DatabaseInfo>> Databases::List(const OpContext& ctx,
                                           const PageRequest<std::string>& page, bool with_size) {
  // reserved names are left out here and not by the statement, which the server then answers from
  // an index; there are at most a handful in a page
  Page<DatabaseInfo> answer;
  std::string after = page.start_after.value_or("");
  for (;;) {
    const std::size_t wanted = page.limit - answer.items.size() + 1;
    ASSIGN_OR_RETURN(const Rows rows,
                     Query(server_, ctx, "list databases",
                           fmt::format("{}WHERE CAST(schema_name AS BINARY) > ? ORDER BY "
                                       "CAST(schema_name AS BINARY) LIMIT {}",
                                       kColumns, wanted),
                           {after}));
    for (const Row& row : rows) {
      after = TextOf(row[0]);
      if (IsReservedDatabase(after)) continue;
      if (answer.items.size() == page.limit) {
        answer.more = true;
        break;
      }
      answer.items.push_back(InfoFrom(row));
    }
    if (answer.more || rows.size() < wanted) break;
  }
  if (with_size) RETURN_IF_ERROR(AddSizes(ctx, answer.items));
  return answer;
}

Status Databases::AddSizes(const OpContext& ctx, std::vector<DatabaseInfo>& databases) {
  for (DatabaseInfo& database : databases) {
    ASSIGN_OR_RETURN(const Rows rows,
                     Query(server_, ctx, "ask for the size of a database",
                           "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS UNSIGNED) "
                           "FROM information_schema.tables WHERE table_schema = ?",
                           {database.name}));
    database.size_bytes = NumberOf(rows.front()[0]);
  }
  return Ok();
}

Result<DatabaseInfo> Databases::Get(const OpContext& ctx, const std::string& name) {
  RETURN_IF_ERROR(CheckDatabaseName(name));
  ASSIGN_OR_RETURN(const Rows rows,
                   Query(server_, ctx, fmt::format("look at database '{}'", name),
                         std::string(kColumns) + "WHERE CAST(schema_name AS BINARY) = ?", {name}));
  if (rows.empty()) return NotFound(name);
  return InfoFrom(rows.front());
}

Result<DatabaseInfo> Databases::Create(const OpContext& ctx, const DatabaseSpec& spec) {
  RETURN_IF_ERROR(Check(spec));
  Status created = Execute(server_, ctx, fmt::format("create database '{}'", spec.name),
                           "CREATE DATABASE " + QuoteIdentifier(spec.name) +
                               CharacterSetClause(spec.character_set, spec.collation));
  if (!created.ok()) return Translated(std::move(created), spec.name);
  return Get(ctx, spec.name);
}

Result<DatabaseInfo> Databases::Update(const OpContext& ctx, const DatabaseChange& change) {
  DatabaseSpec spec;
  spec.name = change.name;
  spec.character_set = change.character_set.value_or("");
  spec.collation = change.collation.value_or("");
  RETURN_IF_ERROR(Check(spec));
  if (change.owner) return Unsupported("owner");
  if (change.connection_limit) return Unsupported("connection_limit");
  const std::string clause = CharacterSetClause(spec.character_set, spec.collation);
  if (clause.empty()) return Get(ctx, change.name);
  Status changed = Execute(server_, ctx, fmt::format("change database '{}'", change.name),
                           "ALTER DATABASE " + QuoteIdentifier(change.name) + clause);
  if (!changed.ok()) return Translated(std::move(changed), change.name);
  return Get(ctx, change.name);
}

Result<bool> Databases::Drop(const OpContext& ctx, const std::string& name) {
  RETURN_IF_ERROR(CheckDatabaseName(name));
  const std::string what = fmt::format("drop database '{}'", name);
  ASSIGN_OR_RETURN(ConnectionPool::Lease connection, server_.pool.Get(ctx));
  // a session's open transaction holds the database's tables: ended, and looked for again while the
  // statement waits
  RETURN_IF_ERROR(connection->Execute(ctx, what, "SET SESSION lock_wait_timeout = 1"));
  for (;;) {
    RETURN_IF_ERROR(EndSessionsIn(*connection, ctx, name));
    Status dropped = connection->Execute(ctx, what, "DROP DATABASE " + QuoteIdentifier(name));
    if (!dropped.ok() && ServerErrno(dropped) == ER_LOCK_WAIT_TIMEOUT) continue;
    const Status reset = connection->Execute(ctx, what, "SET SESSION lock_wait_timeout = DEFAULT");
    if (!reset.ok()) connection.Discard();
    if (dropped.ok()) return true;
    if (ServerErrno(dropped) == ER_DB_DROP_EXISTS) return false;
    return dropped;
  }
}

}  // namespace

std::unique_ptr<DatabaseAdmin> MakeDatabaseAdmin(Server& server) {
  return std::make_unique<Databases>(server);
}

}  // namespace dbagent::datastore::mysql
