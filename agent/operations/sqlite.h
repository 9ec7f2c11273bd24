#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace dbagent::operations {

// The little of SQLite's C API that the journal needs, with errors as values.
// Threads: one at a time (the journal locks).
class Database;

class Statement {
 public:
  Statement(Statement&&) = default;
  Statement& Bind(std::string_view text);  // parameters in order; text and blobs are the same here
  Statement& Bind(std::int64_t number);
  Statement& BindNull();
  // Whether there is a row.
  Result<bool> Step();
  // Steps to the end, expecting no rows.
  Status Run();
  std::string Text(int column) const;
  std::int64_t Number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  bool IsNull(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
  }

 private:
  friend class Database;
  Statement(sqlite3* database, sqlite3_stmt* statement, const std::string* path)
      : database_(database), statement_(statement, &sqlite3_finalize), path_(path) {}

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
  const std::string* path_;
  int next_ = 1;
};

class Database {
 public:
  // Creates the file (0600 by the process's umask and the directory's mode 0700) when it is
  // missing.
  static Result<Database> Open(const std::string& path);
  Result<Statement> Prepare(std::string_view sql);
  Status Execute(const char* sql);

 private:
  Database(sqlite3* database, std::string path);
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
  std::unique_ptr<std::string> path_;  // statements point at it
};

}  // namespace dbagent::operations
