#include "datastores/postgresql/logical_backup.h"

#include <algorithm>
#include <csignal>

#include "agent/base/ids.h"
#include "agent/stream/fd_stream.h"
#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/dump_text.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/tools.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kReapBudget = std::chrono::seconds(10);

Result<DumpHeader> ReadFacts(const OpContext& ctx, Connection& connection,
                             const std::string& agent) {
  DumpHeader header;
  ASSIGN_OR_RETURN(
      const Rows roles,
      connection.Query(
          ctx,
          "SELECT DISTINCT r.rolname::text COLLATE \"C\" AS name FROM pg_shdepend s "
          "JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database() "
          "JOIN pg_roles r ON r.oid = s.refobjid WHERE s.refclassid = 'pg_authid'::regclass "
          "UNION SELECT $1 ORDER BY name",
          {agent}));  // what the agent's own role owns is not recorded there
  for (std::size_t row = 0; row < roles.size(); ++row) header.roles.push_back(roles.Text(row, 0));
  ASSIGN_OR_RETURN(
      const Rows grants,
      connection.Query(
          ctx,
          "SELECT r.rolname, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) FROM "
          "pg_database d, "
          "aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee "
          "WHERE d.datname = current_database() AND a.grantee <> d.datdba GROUP BY r.rolname"));
  for (std::size_t row = 0; row < grants.size(); ++row)
    header.grants[grants.Text(row, 0)] = grants.Text(row, 1);
  return header;
}

Status Incomplete(Code code, std::string_view reason) {
  return Error(code, reason, "the dump is not complete: its last line is missing");
}

Result<std::vector<std::string>> MissingRoles(const OpContext& ctx, Connection& connection,
                                              const std::vector<std::string>& roles) {
  std::vector<std::string> missing;
  for (const std::string& role : roles) {
    ASSIGN_OR_RETURN(const Rows rows,
                     connection.Query(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", {role}));
    if (rows.empty()) missing.push_back(role);
  }
  return missing;
}

Status WriteText(const OpContext& ctx, stream::Sink& sink, const std::string& text) {
  return sink.Write(ctx, AsBytes(text));
}

}  // namespace

Result<DumpFacts> PostgresLogicalBackup::Dump(const OpContext& ctx, const std::string& database,
                                              stream::Sink& sink) {
  DumpFacts facts;
  ASSIGN_OR_RETURN(facts.database, databases_.Get(ctx, database));
  facts.tool = "pg_dump " + server_.info.version;
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, database));
  // one snapshot for the header and for pg_dump; the transaction ends with the connection
  RETURN_IF_ERROR(connection->Run(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  RETURN_IF_ERROR(connection->Run(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"));
  ASSIGN_OR_RETURN(
      const Rows said,
      connection->Query(ctx, "SELECT pg_export_snapshot(), current_setting('server_version')"));
  facts.server_version = said.Text(0, 1);
  ASSIGN_OR_RETURN(const DumpHeader header, ReadFacts(ctx, *connection, server_.agent()));
  RETURN_IF_ERROR(WriteText(ctx, sink, WriteHeader(header)));
  RETURN_IF_ERROR(RunDump(ctx, database, said.Text(0, 0), sink)
                      .Wrap(fmt::format("unable to dump database '{}'", database)));
  return facts;
}

Status PostgresLogicalBackup::RunDump(const OpContext& ctx, const std::string& database,
                                      const std::string& snapshot, stream::Sink& sink) {
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  const std::map<std::string, std::string> parameters = {{"database", ConnectionValue(database)},
                                                         {"snapshot", snapshot}};
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child,
                   server_.host.RunTool({kDump, parameters, -1, pipe.write_end.get(), {}}));
  pipe.write_end.Reset();
  stream::FdSource output(std::move(pipe.read_end), kDump);
  EndingSink ending(sink);
  RETURN_IF_ERROR(stream::Pump(ctx, output, ending).status());  // destroying the child ends it
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *child, kDump));
  if (!ending.IsComplete(RestrictToken(ending.beginning())))
    return Incomplete(Code::kInternal, "TOOL_FAILED");
  return Ok();
}

Status PostgresLogicalBackup::Load(const OpContext& ctx, const LoadSpec& spec,
                                   stream::Source& source) {
  const DatabaseInfo& info = spec.database;
  DatabaseSpec wanted{info.name, info.character_set,   info.collation, info.ctype,
                      "",        info.connection_limit};
  RETURN_IF_ERROR(databases_.Check(wanted));
  HeaderSource text(source);
  ASSIGN_OR_RETURN(const DumpHeader header, text.ReadHeader(ctx));
  std::vector<std::string> missing;
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(missing, MissingRoles(ctx, *session, header.roles));
    ASSIGN_OR_RETURN(const std::vector<std::string> no_owner,
                     MissingRoles(ctx, *session, {info.owner}));
    if (no_owner.empty() && databases_.Check({info.name, "", "", "", info.owner, {}}).ok())
      wanted.owner = info.owner;
  }
  RETURN_IF_ERROR(databases_.Create(ctx, wanted).status());
  RETURN_IF_ERROR(RunLoad(ctx, info.name, header, missing, text)
                      .Wrap(fmt::format("unable to load database '{}'", info.name)));
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, info.name));
  return connection->InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, *connection));
    return ExtendDefaultPrivileges(ctx, *connection);
  });
}

Status PostgresLogicalBackup::RunLoad(const OpContext& ctx, const std::string& database,
                                      const DumpHeader& header,
                                      const std::vector<std::string>& missing,
                                      HeaderSource& source) {
  ASSIGN_OR_RETURN(const std::string_view beginning, source.Peek(ctx, kBeginningBytes));
  const std::string token = RestrictToken(beginning);
  std::string before, after;
  if (token.empty() && PsqlKnowsRestrict(server_.info)) {
    // no text of a dump may make psql do more than SQL (`\!` runs programs)
    const std::string own = NewUuid();
    before = "\\restrict " + own + "\n";
    after = "\n\\unrestrict " + own + "\n";
  }
  std::string made;
  for (const std::string& role : missing) {
    const std::string name = Identifier(role);
    made += "CREATE ROLE " + name + " NOLOGIN;\n";
    after += fmt::format("REASSIGN OWNED BY {0} TO {1};\nDROP OWNED BY {0};\nDROP ROLE {0};\n",
                         name, Identifier(server_.agent()));
  }
  for (const auto& [role, words] : header.grants) {
    if (std::find(missing.begin(), missing.end(), role) != missing.end()) continue;
    after += fmt::format("GRANT {} ON DATABASE {} TO {};\n", words, Identifier(database),
                         Identifier(role));
  }
  before = made + before;

  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  ASSIGN_OR_RETURN(
      const std::unique_ptr<os::ChildProcess> child,
      server_.host.RunTool(
          {kPsql, {{"database", ConnectionValue(database)}}, pipe.read_end.get(), -1, {}}));
  pipe.read_end.Reset();
  stream::FdSink input(std::move(pipe.write_end), kPsql);
  EndingSink ending(input);
  const auto feed = [&]() -> Status {
    RETURN_IF_ERROR(WriteText(ctx, input, before));
    RETURN_IF_ERROR(stream::Pump(ctx, source, ending).status());
    if (!ending.IsComplete(token)) return Incomplete(Code::kDataLoss, "DUMP_INCOMPLETE");
    return WriteText(ctx, input, after);
  };
  Status fed = feed();
  if (!fed.ok() && fed.reason() != "PEER_CLOSED") {
    // before its input ends: psql would commit what it has got
    child->Signal(SIGKILL);
    child->Wait(ctx.ForCleanup(kReapBudget)).status().Ignore("the error that led here counts");
    return fed;
  }
  input.Close();
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *child, kPsql));
  return fed;
}

}  // namespace dbagent::datastore::postgresql
