#include "agent/operations/sqlite.h"

#include <cerrno>

namespace dbagent::operations {
namespace {

Status SqliteError(sqlite3* database, std::string_view verb, const std::string& path) {
  const int code = database == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database);
  const std::string text = database == nullptr ? "out of memory" : sqlite3_errmsg(database);
  const bool no_room = code == SQLITE_IOERR && sqlite3_system_errno(database) == ENOSPC;
  if (code == SQLITE_FULL || no_room) {
    return Error(Code::kResourceExhausted, "NO_SPACE", "unable to {} the journal '{}': {}", verb,
                 path, text)
        .WithHint("free space on the volume, then repeat the call");
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return Error(Code::kDataLoss, "JOURNAL_CORRUPT", "unable to {} the journal '{}': {}", verb,
                 path, text)
        .WithHint(
            "move the file aside; the agent starts with an empty history, the databases are not "
            "touched");
  }
  return Error(Code::kInternal, "JOURNAL_ERROR", "unable to {} the journal '{}': {}", verb, path,
               text);
}

}  // namespace

Statement& Statement::Bind(std::string_view text) {
  sqlite3_bind_blob64(statement_.get(), next_++, text.data() == nullptr ? "" : text.data(),
                      text.size(), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::Bind(std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), next_++, number);
  return *this;
}

Statement& Statement::BindNull() {
  sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(database_, "use", *path_);
}

Status Statement::Run() {
  ASSIGN_OR_RETURN(const bool row, Step());
  if (row)
    return Error(Code::kInternal, "JOURNAL_ERROR",
                 "a statement that answers rows was run as one that does not");
  return Ok();
}

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr
             ? std::string()
             : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

Database::Database(sqlite3* database, std::string path)
    : database_(database, &sqlite3_close), path_(std::make_unique<std::string>(std::move(path))) {}

Result<Database> Database::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw, path);
  if (code != SQLITE_OK) return SqliteError(raw, "open", path);
  sqlite3_extended_result_codes(raw, 0);
  sqlite3_busy_timeout(raw, 5000);
  return database;
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw,
                         nullptr) != SQLITE_OK) {
    return SqliteError(database_.get(), "use", *path_);
  }
  return Statement(database_.get(), raw, path_.get());
}

Status Database::Execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return SqliteError(database_.get(), "use", *path_);
  }
  return Ok();
}

}  // namespace dbagent::operations
