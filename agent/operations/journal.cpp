#include "agent/operations/journal.h"

#include <algorithm>

namespace dbagent::operations {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
constexpr const char* kSchema =
    "CREATE TABLE operations(id TEXT PRIMARY KEY, kind TEXT NOT NULL, targets BLOB NOT NULL, state "
    "INTEGER NOT NULL,"
    " caller TEXT NOT NULL, request_id TEXT, request_digest BLOB NOT NULL, created INTEGER NOT "
    "NULL, started INTEGER,"
    " ended INTEGER, error_code INTEGER NOT NULL, error_reason TEXT NOT NULL, error_message TEXT "
    "NOT NULL,"
    " error_hint TEXT NOT NULL, error_retryable INTEGER NOT NULL, error_metadata BLOB NOT NULL, "
    "plan BLOB NOT NULL,"
    " result BLOB NOT NULL, result_secret INTEGER NOT NULL, backup_id TEXT NOT NULL, notes BLOB "
    "NOT NULL) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX operations_request ON operations(request_id) WHERE request_id IS NOT NULL;"
    "CREATE INDEX operations_state ON operations(state);"
    "PRAGMA user_version = 1;";
constexpr std::string_view kColumns =
    "id, kind, targets, state, caller, request_id, request_digest, created, started, ended, "
    "error_code, error_reason,"
    " error_message, error_hint, error_retryable, error_metadata, plan, result, result_secret, "
    "backup_id, notes";

// Not INSERT OR REPLACE: that would silently delete another operation with the same request_id.
constexpr std::string_view kPut =
    "INSERT INTO operations VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO "
    "UPDATE SET"
    " targets=excluded.targets, state=excluded.state, request_id=excluded.request_id, "
    "started=excluded.started,"
    " ended=excluded.ended, error_code=excluded.error_code, error_reason=excluded.error_reason,"
    " error_message=excluded.error_message, error_hint=excluded.error_hint, "
    "error_retryable=excluded.error_retryable,"
    " error_metadata=excluded.error_metadata, plan=excluded.plan, result=excluded.result,"
    " result_secret=excluded.result_secret, backup_id=excluded.backup_id, notes=excluded.notes";

// A list of texts in one column: each followed by a NUL, which no name here can hold.
std::string Join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += text + '\0';
  return joined;
}

std::vector<std::string> Split(const std::string& joined) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < joined.size();) {
    const std::size_t end = std::min(joined.find('\0', at), joined.size());
    texts.push_back(joined.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

std::int64_t Millis(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
WallTime FromMillis(std::int64_t millis) {
  return WallTime(std::chrono::milliseconds(millis));
}

Record ReadRecord(const Statement& row) {
  Record record;
  record.id = row.Text(0);
  record.kind = row.Text(1);
  record.targets = Split(row.Text(2));
  record.state = static_cast<State>(row.Number(3));
  record.caller = row.Text(4);
  record.request_id = row.Text(5);
  record.request_digest = row.Text(6);
  record.created = FromMillis(row.Number(7));
  if (!row.IsNull(8)) record.started = FromMillis(row.Number(8));
  if (!row.IsNull(9)) record.ended = FromMillis(row.Number(9));
  record.error = {static_cast<Code>(row.Number(10)),
                  row.Text(11),
                  row.Text(12),
                  row.Text(13),
                  row.Number(14) != 0,
                  {}};
  const std::vector<std::string> metadata = Split(row.Text(15));
  for (std::size_t i = 0; i + 1 < metadata.size(); i += 2)
    record.error.metadata[metadata[i]] = metadata[i + 1];
  record.plan = row.Text(16);
  record.result = row.Text(17);
  record.result_secret = row.Number(18) != 0;
  record.backup_id = row.Text(19);
  record.notes = Split(row.Text(20));
  return record;
}

Result<std::vector<Record>> ReadAll(Statement statement) {
  std::vector<Record> records;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return records;
    records.push_back(ReadRecord(statement));
  }
}

Result<std::optional<Record>> ReadOne(Statement statement) {
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return std::optional<Record>();
  return std::optional<Record>(ReadRecord(statement));
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  ASSIGN_OR_RETURN(Database database, Database::Open(path));
  std::unique_ptr<Journal> journal(new Journal(std::move(database)));
  RETURN_IF_ERROR(journal->Prepare());
  return journal;
}

Status Journal::Prepare() {
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"})
    RETURN_IF_ERROR(database_.Execute(pragma));
  ASSIGN_OR_RETURN(Statement version, database_.Prepare("PRAGMA user_version"));
  RETURN_IF_ERROR(version.Step().status());
  const std::int64_t found = version.Number(0);
  if (found > kSchemaVersion) {
    return Error(Code::kFailedPrecondition, "JOURNAL_TOO_NEW",
                 "the journal has format {}, this agent knows up to {}", found, kSchemaVersion)
        .WithHint("install the agent that wrote it, or a newer one");
  }
  if (found == 0) {
    RETURN_IF_ERROR(database_.Execute("BEGIN"));
    RETURN_IF_ERROR(database_.Execute(kSchema));
    RETURN_IF_ERROR(database_.Execute("COMMIT"));
  }
  ASSIGN_OR_RETURN(
      Statement prune,
      database_.Prepare("DELETE FROM operations WHERE state BETWEEN 5 AND 7 AND id NOT IN"
                        " (SELECT id FROM operations ORDER BY id DESC LIMIT 10000)"));
  return prune.Run();
}

Journal::~Journal() {
  WriteKept().Ignore("recovery finds out at the next start what was done");
}

Status Journal::Put(const Record& record) {
  const std::lock_guard lock(mutex_);
  Status put = WriteKept();
  if (put.ok()) put = Write(record);
  if (!put.ok() && HasEnded(record.state)) kept_[record.id] = record;
  return put;
}

Status Journal::WriteKept() {
  while (!kept_.empty()) {
    RETURN_IF_ERROR(Write(kept_.begin()->second));
    kept_.erase(kept_.begin());
  }
  return Ok();
}

std::vector<Record> Journal::Latest(std::vector<Record> records) const {
  for (Record& record : records) {
    if (const auto kept = kept_.find(record.id); kept != kept_.end()) record = kept->second;
  }
  return records;
}

Status Journal::Write(const Record& record) {
  ASSIGN_OR_RETURN(Statement put, database_.Prepare(kPut));
  std::vector<std::string> metadata;
  for (const auto& [key, value] : record.error.metadata) {
    metadata.push_back(key);
    metadata.push_back(value);
  }
  put.Bind(record.id)
      .Bind(record.kind)
      .Bind(Join(record.targets))
      .Bind(static_cast<std::int64_t>(record.state));
  put.Bind(record.caller);
  record.request_id.empty() ? put.BindNull() : put.Bind(record.request_id);
  put.Bind(record.request_digest).Bind(Millis(record.created));
  record.started ? put.Bind(Millis(*record.started)) : put.BindNull();
  record.ended ? put.Bind(Millis(*record.ended)) : put.BindNull();
  put.Bind(static_cast<std::int64_t>(record.error.code))
      .Bind(record.error.reason)
      .Bind(record.error.message);
  put.Bind(record.error.hint)
      .Bind(std::int64_t{record.error.retryable})
      .Bind(Join(metadata))
      .Bind(record.plan);
  put.Bind(record.result)
      .Bind(std::int64_t{record.result_secret})
      .Bind(record.backup_id)
      .Bind(Join(record.notes));
  return put.Run();
}

Result<std::optional<Record>> Journal::Get(const std::string& id) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement get, database_.Prepare(fmt::format(
                                      "SELECT {} FROM operations WHERE id = ?", kColumns)));
  if (const auto kept = kept_.find(id); kept != kept_.end()) return std::optional(kept->second);
  get.Bind(id);
  return ReadOne(std::move(get));
}

Result<std::optional<Record>> Journal::FindRequest(const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement get, database_.Prepare(fmt::format(
                                      "SELECT {} FROM operations WHERE request_id = ?", kColumns)));
  get.Bind(request_id);
  ASSIGN_OR_RETURN(std::optional<Record> found, ReadOne(std::move(get)));
  if (!found) return found;
  const auto kept = kept_.find(found->id);
  if (kept == kept_.end()) return found;
  if (kept->second.request_id.empty()) return std::optional<Record>();  // free again
  return std::optional(kept->second);
}

Result<std::vector<Record>> Journal::List(const ListFilter& filter) {
  const std::lock_guard lock(mutex_);
  std::string states;
  for (State state : filter.states)
    states += fmt::format("{}{}", states.empty() ? "" : ",", static_cast<int>(state));
  std::string where = "WHERE 1";
  if (!states.empty()) where += fmt::format(" AND state IN ({})", states);
  if (!filter.kind.empty()) where += " AND kind = ?";
  if (!filter.before.empty()) where += " AND id < ?";
  ASSIGN_OR_RETURN(Statement list,
                   database_.Prepare(fmt::format(
                       "SELECT {} FROM operations {} ORDER BY id DESC LIMIT ?", kColumns, where)));
  if (!filter.kind.empty()) list.Bind(filter.kind);
  if (!filter.before.empty()) list.Bind(filter.before);
  list.Bind(static_cast<std::int64_t>(filter.limit));
  ASSIGN_OR_RETURN(std::vector<Record> records, ReadAll(std::move(list)));
  records = Latest(std::move(records));
  if (!filter.states.empty()) {  // as kept, one may be in another state
    std::erase_if(records, [&](const Record& record) {
      return std::find(filter.states.begin(), filter.states.end(), record.state) ==
             filter.states.end();
    });
  }
  return records;
}

Result<std::vector<Record>> Journal::Unfinished() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Statement list,
                   database_.Prepare(fmt::format(
                       "SELECT {} FROM operations WHERE state < 5 ORDER BY id", kColumns)));
  return ReadAll(std::move(list));
}

}  // namespace dbagent::operations
