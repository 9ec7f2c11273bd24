#include <algorithm>
#include <array>

#include "agent/stream/fd_stream.h"
#include "datastores/mysql/accounts.h"
#include "datastores/mysql/definer_filter.h"
#include "datastores/mysql/load_order.h"
#include "datastores/mysql/names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/user_dump.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr std::chrono::minutes kListBudget{5};
constexpr std::string_view kLastLine = "-- Dump completed";

// Reads what the tool writes, hands it on, and keeps the beginning and the end.
class DumpText {
 public:
  void Add(std::string_view text) {
    if (head_.size() < kKept) head_ += text.substr(0, kKept - head_.size());
    tail_ += text.substr(text.size() - std::min(text.size(), kKept));
    if (tail_.size() > kKept) tail_.erase(0, tail_.size() - kKept);
  }
  // `MariaDB dump 10.19-11.4 Distrib …`, `MySQL dump 10.13 Distrib …`
  std::string tool() const {
    const std::size_t word = head_.find(" dump ");
    if (word == std::string::npos) return "unknown";
    const std::size_t begin = head_.rfind("-- ", word);
    const std::size_t end = head_.find('\n', word);
    return begin == std::string::npos ? "unknown" : head_.substr(begin + 3, end - begin - 3);
  }
  bool complete() const {
    const std::size_t last = tail_.find_last_not_of('\n');
    const std::size_t line = tail_.rfind('\n', last) + 1;
    return last != std::string::npos && std::string_view(tail_).substr(line).starts_with(kLastLine);
  }

 private:
  static constexpr std::size_t kKept = 1024;
  std::string head_, tail_;
};

// What the dump's last statements, the views, may lack.
Status Explained(Status loaded) {
  static constexpr std::array<std::string_view, 2> kMissing = {"ERROR 1146 (42S02)",
                                                               "ERROR 1049 (42000)"};
  const bool lacks = std::any_of(kMissing.begin(), kMissing.end(), [&](std::string_view error) {
    return loaded.message().find(error) != std::string::npos;
  });
  if (!lacks) return loaded;
  return std::move(loaded).WithHint(
      "a view of it uses another database: restore that one first, or both together; where each "
      "uses the other, only a physical backup brings them back");
}

class Logical : public LogicalBackup {
 public:
  Logical(Server& server, DatabaseAdmin& databases) : server_(server), databases_(databases) {}

  Result<LoadSequence> SequenceOf(const OpContext& ctx,
                                  const std::vector<std::string>& databases) override;
  Result<DumpFacts> Dump(const OpContext& ctx, const std::string& database,
                         stream::Sink& sink) override;
  Status Load(const OpContext& ctx, const LoadSpec& spec, stream::Source& source) override;
  Status DumpUsers(const OpContext& ctx, stream::Sink& sink) override {
    ASSIGN_OR_RETURN(const std::vector<UserStatement> statements, ReadUserStatements(server_, ctx));
    return sink.Write(ctx, AsBytes(WriteUserText(statements)));
  }
  Status LoadUsers(const OpContext& ctx, const LoadUsersSpec& spec,
                   stream::Source& source) override {
    return LoadUserStatements(server_, ctx, spec, source);
  }
  Status DropUsers(const OpContext& ctx, const std::vector<UserId>& users) override {
    return mysql::DropUsers(server_, ctx, users);
  }

 private:
  Status CheckSettings(const OpContext& ctx, const std::string& database);
  Result<DefinerFilter> MakeFilter(const OpContext& ctx, const std::optional<UserId>& owner);
  Status MakeMissing(const OpContext& ctx, const LoadSpec& spec,
                     const std::vector<AccountName>& missing);
  // Answers what went over.
  Result<DumpText> Feed(const OpContext& ctx, const LoadSpec& spec, os::ChildProcess& tool,
                        UniqueFd pipe, stream::Source& source);

  Server& server_;
  DatabaseAdmin& databases_;
};

Result<LoadSequence> Logical::SequenceOf(const OpContext& ctx,
                                         const std::vector<std::string>& databases) {
  if (databases.size() < 2) return LoadSequence{databases, false};
  // not stopped, only bounded: MariaDB 10.11 may crash when a session is killed that makes such a
  // temporary table
  ASSIGN_OR_RETURN(
      const Rows rows,
      Query(server_, ctx.ForCleanup(kListBudget), "list views",
            "SELECT table_schema, view_definition FROM information_schema.views WHERE table_schema "
            "NOT IN ('sys', 'mysql', 'information_schema', 'performance_schema')"));
  std::vector<ViewText> views;
  for (const Row& row : rows) views.emplace_back(TextOf(row[0]), TextOf(row[1]));
  return LoadOrder(databases, views);
}

Result<DumpFacts> Logical::Dump(const OpContext& ctx, const std::string& database,
                                stream::Sink& sink) {
  DumpFacts facts;
  ASSIGN_OR_RETURN(facts.database, databases_.Get(ctx, database));
  ASSIGN_OR_RETURN(const Rows version,
                   Query(server_, ctx, "ask for the server's version", "SELECT VERSION()"));
  facts.server_version = TextOf(version.front()[0]);
  RETURN_IF_ERROR(CheckSettings(ctx, database));

  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  os::ToolCall call;
  call.name = kDumpTool;
  call.parameters = {{"database", database}};
  call.stdout_fd = pipe.write_end.get();
  ASSIGN_OR_RETURN(const auto tool,
                   server_.host.RunTool(call));  // ended with this call, whatever happens below
  pipe.write_end.Reset();
  stream::FdSource source(std::move(pipe.read_end), call.name);
  std::vector<std::byte> buffer(kBufferBytes);
  DumpText text;
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    if (got == 0) break;
    const Bytes bytes = std::span(buffer).first(got);
    text.Add(AsText(bytes));
    RETURN_IF_ERROR(sink.Write(ctx, bytes));
  }
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *tool, server_.dialect.dump_program()));
  if (!text.complete()) {
    return Error(Code::kInternal, "TOOL_FAILED",
                 "unable to dump database '{}': {} ended without its last line", database,
                 server_.dialect.dump_program());
  }
  facts.tool = text.tool();
  return facts;
}

// The dump tools take the server's values, and MariaDB's cannot be given others.
Status Logical::CheckSettings(const OpContext& ctx, const std::string& database) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      Query(server_, ctx, "ask for sql_select_limit",
            "SELECT @@GLOBAL.sql_select_limit, @@GLOBAL.sql_select_limit < 4294967295"));
  if (NumberOf(rows.front()[1]) == 0) return Ok();
  return Error(Code::kFailedPrecondition, "SETTING_UNSUITABLE",
               "unable to dump database '{}': the server's sql_select_limit is {}, and no table "
               "would be dumped beyond as many rows",
               database, TextOf(rows.front()[0]))
      .WithHint("SET GLOBAL sql_select_limit = DEFAULT");
}

Status Logical::Load(const OpContext& ctx, const LoadSpec& spec, stream::Source& source) {
  if (spec.run_as_superuser) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "unable to load database '{}' with run_as_superuser: only PostgreSQL knows it",
                 spec.database.name);
  }
  if (spec.owner) {
    RETURN_IF_ERROR(CheckUser(server_.dialect, server_.settings, Normalised(*spec.owner)));
    RETURN_IF_ERROR(ReadAccount(server_, ctx, Normalised(*spec.owner)).status());
  }
  DatabaseSpec database;
  database.name = spec.database.name;
  database.character_set = spec.database.character_set;
  database.collation = spec.database.collation;
  ASSIGN_OR_RETURN(const DatabaseInfo created, databases_.Create(ctx, database));

  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  os::ToolCall call;
  call.name = kLoadTool;
  call.parameters = {{"database", created.name}};
  call.stdin_fd = pipe.read_end.get();
  ASSIGN_OR_RETURN(const auto tool, server_.host.RunTool(call));
  pipe.read_end.Reset();
  const Result<DumpText> text = Feed(ctx, spec, *tool, std::move(pipe.write_end), source);
  if (!text.ok()) return Explained(text.status());
  RETURN_IF_ERROR(Explained(os::WaitForSuccess(ctx, *tool, server_.dialect.client_program())));
  if (text->complete()) return Ok();
  return Error(Code::kDataLoss, "TOOL_FAILED",
               "unable to load database '{}': the dump ends too early", created.name);
}

Result<DefinerFilter> Logical::MakeFilter(const OpContext& ctx,
                                          const std::optional<UserId>& owner) {
  ASSIGN_OR_RETURN(const std::vector<Account> accounts, ReadAccounts(server_, ctx, "TRUE"));
  std::set<AccountName> existing;
  for (const Account& account : accounts) {
    // one of an earlier load has no rights in this database yet
    if (IsStandIn(server_, account)) continue;
    existing.emplace(account.info.id.name, account.info.id.host);
  }
  DefinerFilter filter(std::move(existing));
  if (owner) {
    const UserId id = Normalised(*owner);
    filter.Replace({id.name, id.host});
  }
  return filter;
}

// A definer of root's or of the server's own stays missing: the server refuses to run its code, and
// says so, until there is one.
Status Logical::MakeMissing(const OpContext& ctx, const LoadSpec& spec,
                            const std::vector<AccountName>& missing) {
  for (const auto& [name, host] : missing) {
    const UserId id{name, host};
    if (!CheckUser(server_.dialect, server_.settings, id).ok()) continue;
    RETURN_IF_ERROR(MakeStandIn(server_, ctx, id, spec.database.name, spec.before_account));
  }
  return Ok();
}

// A tool that stops reading has said why on its stderr: that is then the error.
Result<DumpText> Logical::Feed(const OpContext& ctx, const LoadSpec& spec, os::ChildProcess& tool,
                               UniqueFd pipe, stream::Source& source) {
  ASSIGN_OR_RETURN(DefinerFilter filter, MakeFilter(ctx, spec.owner));
  stream::FdSink sink(std::move(pipe), std::string(server_.dialect.client_program()));
  std::vector<std::byte> buffer(kBufferBytes);
  DumpText text;
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    more = got > 0;
    const std::string_view read = AsText(std::span(buffer).first(got));
    text.Add(read);
    const std::string passed = more ? filter.Pass(read) : filter.Finish();
    RETURN_IF_ERROR(MakeMissing(ctx, spec, filter.TakeMissing()));
    Status written = sink.Write(ctx, AsBytes(passed));
    if (written.ok()) continue;
    if (written.reason() != "PEER_CLOSED") return written;
    RETURN_IF_ERROR(os::WaitForSuccess(ctx, tool, server_.dialect.client_program()));
    return written;
  }
  return text;
}

}  // namespace

std::unique_ptr<LogicalBackup> MakeLogicalBackup(Server& server, DatabaseAdmin& databases) {
  return std::make_unique<Logical>(server, databases);
}

}  // namespace dbagent::datastore::mysql
