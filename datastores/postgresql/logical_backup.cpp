#include "datastores/postgresql/logical_backup.h"

#include <algorithm>
#include <csignal>

#include "agent/base/ids.h"
#include "agent/base/kill_point.h"
#include "agent/stream/fd_stream.h"
#include "datastores/postgresql/default_privileges.h"
#include "datastores/postgresql/dump_tail.h"
#include "datastores/postgresql/load_guard.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/own_roles.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/tools.h"
#include "datastores/postgresql/user_dump.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kReapBudget = std::chrono::seconds(10);

Result<DumpHeader> ReadFacts(const OpContext& ctx, Connection& connection,
                             const std::string& agent) {
  DumpHeader header;
  header.token = NewUuid();
  ASSIGN_OR_RETURN(
      const Rows roles,
      connection.Query(
          ctx,
          "SELECT DISTINCT r.rolname::text COLLATE \"C\" AS name FROM pg_shdepend s "
          "JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database() "
          "JOIN pg_roles r ON r.oid = s.refobjid WHERE s.refclassid = 'pg_authid'::regclass "
          // who has rights on the database itself
          "UNION SELECT r.rolname::text COLLATE \"C\" FROM pg_database d, aclexplode(d.datacl) a "
          "JOIN pg_roles r ON r.oid IN (a.grantee, a.grantor) WHERE d.datname = current_database() "
          "UNION SELECT r.rolname::text COLLATE \"C\" FROM pg_db_role_setting s JOIN pg_database d "
          "ON d.oid = s.setdatabase AND d.datname = current_database() JOIN pg_roles r ON r.oid = "
          "s.setrole "
          "UNION SELECT $1 ORDER BY name",
          {agent}));  // what the agent's own role owns is not recorded there
  for (std::size_t row = 0; row < roles.size(); ++row) header.roles.push_back(roles.Text(row, 0));
  ASSIGN_OR_RETURN(
      const Rows extensions,
      connection.Query(ctx, "SELECT e.extname, n.nspname, CASE WHEN r.rolsuper OR " +
                                IsOwnRole("r.rolname") +
                                " THEN '' ELSE r.rolname END FROM pg_extension e JOIN "
                                "pg_namespace n ON n.oid = e.extnamespace JOIN pg_roles r ON "
                                "r.oid = e.extowner WHERE e.extname <> 'plpgsql' ORDER BY e.oid"));
  for (std::size_t row = 0; row < extensions.size(); ++row) {
    header.extensions.push_back(
        {extensions.Text(row, 0), extensions.Text(row, 1), extensions.Text(row, 2)});
  }
  return header;
}

Status Incomplete(Code code, std::string_view reason) {
  return Error(code, reason, "the dump is not complete: its last line is missing");
}

Status WriteText(const OpContext& ctx, stream::Sink& sink, const std::string& text) {
  return sink.Write(ctx, AsBytes(text));
}

// No text of a dump may make psql do more than SQL (`\!` runs programs). pg_dump's newer versions
// say so themselves, with a token of their own.
void Restrict(const DatastoreInfo& info, std::string& before, std::string& after) {
  if (!PsqlKnowsRestrict(info)) return;
  const std::string own = NewUuid();
  before += "\\restrict " + own + "\n";
  after += "\n\\unrestrict " + own + "\n";
}

// psql's words when a statement needs more than the owner of a database has.
Status ExplainRefusal(Status status) {
  if (status.reason() != "TOOL_FAILED" ||
      status.message().find("ERROR:  42501:") == std::string::npos) {
    return status;
  }
  return Error(Code::kFailedPrecondition, "LOAD_NEEDS_SUPERUSER",
               "the dump has what only a superuser may make")
      .WithCause(status)
      .WithHint(
          "if everybody who may create something in the dumped database is trusted with "
          "root, restore it with run_as_superuser");
}

// The loader is done: what its text did to the database itself goes, and nobody but superusers may
// enter until everything has its owner. To be called in the maintenance database.
Status Shut(const OpContext& ctx, Connection& connection, const std::string& database,
            const std::string& owner) {
  const std::string name = Identifier(database);
  RETURN_IF_ERROR(connection.Run(ctx, "ALTER DATABASE " + name + " CONNECTION LIMIT 0"));
  RETURN_IF_ERROR(connection.Run(ctx, "ALTER DATABASE " + name + " RESET ALL"));
  ASSIGN_OR_RETURN(const Rows holders,
                   connection.Query(ctx,
                                    "SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE "
                                    "quote_ident(r.rolname) END FROM pg_database d CROSS JOIN "
                                    "aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = "
                                    "a.grantee WHERE d.datname = $1 AND a.grantee <> d.datdba",
                                    {database}));
  for (std::size_t row = 0; row < holders.size(); ++row) {
    RETURN_IF_ERROR(connection.Run(
        ctx, "REVOKE ALL ON DATABASE " + name + " FROM " + holders.Text(row, 0) + " CASCADE"));
  }
  RETURN_IF_ERROR(connection.Run(ctx, "ALTER DATABASE " + name + " OWNER TO " + Identifier(owner)));
  return connection.Run(ctx,
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity a JOIN "
                        "pg_roles r ON r.oid = a.usesysid WHERE a.datname = $1 AND NOT r.rolsuper",
                        {database});
}

// Event triggers of a load as superuser must not fire for what the agent does at its end.
Status SilenceTriggers(const OpContext& ctx, Connection& connection) {
  return connection.Run(ctx, "SET session_replication_role = replica");
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
  const auto wrap = fmt::format("unable to dump database '{}'", database);
  RETURN_IF_ERROR(RunDump(ctx, database, said.Text(0, 0), sink).Wrap(wrap));
  RETURN_IF_ERROR(WriteText(ctx, sink, TailLine(header.token)));
  RETURN_IF_ERROR(WriteTail(ctx, *connection, sink).Wrap(wrap));
  RETURN_IF_ERROR(WriteText(ctx, sink, EndLine(header.token)));
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
  // without the limit of connections: the loader needs one
  const DatabaseSpec wanted{info.name, info.character_set, info.collation, info.ctype, "", {}};
  RETURN_IF_ERROR(databases_.Check(wanted));
  HeaderSource text(source);
  ASSIGN_OR_RETURN(const DumpHeader header, text.ReadHeader(ctx));
  ASSIGN_OR_RETURN(const std::unique_ptr<LoaderSlot> slot,
                   LoaderSlot::Take(ctx, server_, spec.run_as_superuser));
  RETURN_IF_ERROR(CheckOwner(ctx, spec.owner, *slot));
  std::vector<std::string> roles = header.roles;
  // of a dump that names it nowhere else
  if (CheckRoleName(info.owner, server_.agent()).ok()) roles.push_back(info.owner);
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  RETURN_IF_ERROR(slot->StandIn(ctx, roles));
  RETURN_IF_ERROR(databases_.CreateFor(ctx, wanted, slot->role()).status());
  KillPoint("postgresql.load_database_made");
  RETURN_IF_ERROR(Fill(ctx, spec, header, *slot, text)
                      .Wrap(fmt::format("unable to load database '{}'", info.name)));
  return slot->Release(ctx);
}

// Of the database: its own, or who takes the place of a missing one.
Result<std::string> PostgresLogicalBackup::OwnerFor(const OpContext& ctx, const LoadSpec& spec,
                                                    LoaderSlot& slot) {
  const std::string& owner = spec.database.owner;
  if (!CheckRoleName(owner, server_.agent()).ok()) return std::string(kOwnerRole);
  const auto& stand_ins = slot.stand_ins();
  const bool missing = std::find(stand_ins.begin(), stand_ins.end(), owner) != stand_ins.end();
  if (missing && spec.owner) return spec.owner->name;
  ASSIGN_OR_RETURN(const std::optional<std::string> there, FindRole(ctx, slot.session(), owner));
  return there ? owner : std::string(kOwnerRole);
}

Status PostgresLogicalBackup::CheckOwner(const OpContext& ctx, const std::optional<UserId>& owner,
                                         LoaderSlot& slot) {
  if (!owner) return Ok();
  if (!owner->host.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "the owner '{}' has a host: PostgreSQL's roles have none", owner->ToString());
  }
  RETURN_IF_ERROR(CheckRoleName(owner->name, server_.agent()));
  ASSIGN_OR_RETURN(const std::optional<std::string> there,
                   FindRole(ctx, slot.session(), owner->name));
  return there ? Ok() : RoleNotFound(owner->name);
}

Status PostgresLogicalBackup::Fill(const OpContext& ctx, const LoadSpec& spec,
                                   const DumpHeader& header, LoaderSlot& slot,
                                   HeaderSource& source) {
  const DatabaseInfo& info = spec.database;
  ASSIGN_OR_RETURN(const std::string owner, OwnerFor(ctx, spec, slot));
  const GuardSpec guard{header.extensions, slot.oid(), spec.run_as_superuser};
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, info.name));
  RETURN_IF_ERROR(InstallGuard(ctx, *connection, guard));

  ASSIGN_OR_RETURN(const std::string_view beginning, source.Peek(ctx, kBeginningBytes));
  const bool has_tail = !header.token.empty();
  SplitSource text(source, has_tail ? TailLine(header.token) : "");
  RETURN_IF_ERROR(RunBody(ctx, info.name, slot, beginning, text, has_tail));
  KillPoint("postgresql.load_body_done");
  RETURN_IF_ERROR(slot.EndSessions(ctx));
  RETURN_IF_ERROR(slot.LockHandover(ctx));
  RETURN_IF_ERROR(Shut(ctx, slot.session(), info.name, owner));
  RETURN_IF_ERROR(SilenceTriggers(ctx, *connection));
  Status opened = connection->InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(KeepWhatSuperusersOwn(ctx, *connection, slot.oid(), server_.agent()));
    return RemoveGuard(ctx, *connection, guard);
  });
  RETURN_IF_ERROR(std::move(opened));
  if (has_tail) RETURN_IF_ERROR(RunTail(ctx, info.name, header, text));
  KillPoint("postgresql.load_tail_done");
  return connection->InTransaction(ctx, [&]() -> Status {
    RETURN_IF_ERROR(LockForChange(ctx, *connection));
    for (const std::string& role : slot.stand_ins()) {
      if (spec.owner) {
        RETURN_IF_ERROR(HandOn(ctx, *connection, role, spec.owner->name));
      } else if (CheckRoleName(role, server_.agent()).ok()) {
        RETURN_IF_ERROR(KeepStandIn(ctx, *connection, role));
      } else {  // root, or a role of the agent's own
        RETURN_IF_ERROR(HandOnToHeir(ctx, *connection, role));
      }
    }
    RETURN_IF_ERROR(HandOnWhatSuperusersOwn(ctx, *connection, server_.agent()));
    RETURN_IF_ERROR(HandOnToHeir(ctx, *connection, slot.role()));
    RETURN_IF_ERROR(ExtendDefaultPrivileges(ctx, *connection));
    return connection->Run(
        ctx, fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}", Identifier(info.name),
                         info.connection_limit.value_or(-1)));
  });
}

Status PostgresLogicalBackup::DumpUsers(const OpContext& ctx, stream::Sink& sink) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
  ASSIGN_OR_RETURN(const std::vector<UserStatement> statements,
                   ReadUserStatements(ctx, *connection, server_.agent(), server_.info.major));
  return WriteText(ctx, sink, WriteUserText(statements));
}

Status PostgresLogicalBackup::LoadUsers(const OpContext& ctx, const LoadUsersSpec& spec,
                                        stream::Source& source) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                   server_.pool.Connect(ctx, std::string(kMaintenanceDatabase)));
  return LoadUserStatements(ctx, *connection, spec, source);
}

Status PostgresLogicalBackup::DropUsers(const OpContext& ctx, const std::vector<UserId>& users) {
  for (const UserId& id : users) {
    RETURN_IF_ERROR(CheckRoleName(id.name, server_.agent()));
    RETURN_IF_ERROR(RemoveRole(ctx, server_, id.name).status());
  }
  return Ok();
}

template <typename IsWhole>
Status PostgresLogicalBackup::RunScript(const OpContext& ctx, const Script& script,
                                        stream::Source& source, const IsWhole& is_whole) {
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  const std::map<std::string, std::string> parameters = {
      {"database", ConnectionValue(script.database)}, {"user", ConnectionValue(script.user)}};
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child,
                   server_.host.RunTool({kPsql, parameters, pipe.read_end.get(), -1, {}}));
  pipe.read_end.Reset();
  stream::FdSink input(std::move(pipe.write_end), kPsql);
  EndingSink ending(input);
  const auto feed = [&]() -> Status {
    RETURN_IF_ERROR(WriteText(ctx, input, script.before));
    RETURN_IF_ERROR(stream::Pump(ctx, source, ending).status());
    if (!is_whole(ending)) return Incomplete(Code::kDataLoss, "DUMP_INCOMPLETE");
    return WriteText(ctx, input, script.after);
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

Status PostgresLogicalBackup::RunBody(const OpContext& ctx, const std::string& database,
                                      const LoaderSlot& slot, std::string_view beginning,
                                      SplitSource& text, bool has_tail) {
  const std::string token = RestrictToken(beginning);
  Script script{database, slot.role(), "", ""};
  if (token.empty()) Restrict(server_.info, script.before, script.after);
  return ExplainRefusal(RunScript(ctx, script, text, [&](const EndingSink& ending) {
    return ending.IsComplete(token) && text.found() == has_tail;
  }));
}

Status PostgresLogicalBackup::RunTail(const OpContext& ctx, const std::string& database,
                                      const DumpHeader& header, SplitSource& text) {
  Script script{database, server_.agent(), "SET session_replication_role = replica;\n", ""};
  Restrict(server_.info, script.before, script.after);
  text.Continue();
  return RunScript(ctx, script, text, [&](const EndingSink& ending) {
    return ending.EndsWith(EndLine(header.token));
  });
}

}  // namespace dbagent::datastore::postgresql
