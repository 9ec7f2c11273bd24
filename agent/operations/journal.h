#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/operations/record.h"
#include "agent/operations/sqlite.h"

namespace dbagent::operations {

struct ListFilter {
  std::vector<State> states{};  // empty: all
  std::string kind{};           // empty: all
  std::string before{};         // ids that sort before it (older); empty: from the newest
  std::size_t limit = 100;
};

// What happened and what is happening, on disk: SQLite, WAL mode, synchronous FULL, so that what
// Put answered OK is there after a power cut. The plan and result of an operation are the
// workflow's bytes. Threads: any. Errors: NO_SPACE, JOURNAL_CORRUPT, JOURNAL_ERROR.
class Journal {
 public:
  // Makes the file when it is missing; one of a newer agent is refused (JOURNAL_TOO_NEW). Forgets
  // ended operations beyond the newest 10,000.
  static Result<std::unique_ptr<Journal>> Open(const std::string& path);

  ~Journal();

  // Inserts or replaces. An end that cannot be written is kept in memory, is what the questions
  // below are answered with, and is written before anything else: nothing new begins while the disk
  // still says that something old is running, which a restart would then do once more.
  Status Put(const Record& record);
  Result<std::optional<Record>> Get(const std::string& id);
  Result<std::optional<Record>> FindRequest(const std::string& request_id);
  Result<std::vector<Record>> List(const ListFilter& filter);  // newest first
  Result<std::vector<Record>> Unfinished();                    // oldest first

 private:
  explicit Journal(Database database) : database_(std::move(database)) {}
  Status Prepare();
  Status Write(const Record& record);
  Status WriteKept();
  std::vector<Record> Latest(std::vector<Record> records) const;

  std::mutex mutex_;
  std::map<std::string, Record> kept_;  // by id
  Database database_;
};

}  // namespace dbagent::operations
