#include "datastores/postgresql/base_backup.h"

#include "agent/base/kill_point.h"
#include "datastores/postgresql/errors.h"
#include "datastores/postgresql/socket_wait.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::seconds kRoomPause{1};

Status Unexpected(std::string_view what) {
  return Error(Code::kInternal, "SERVER_ERROR", "unable to follow BASE_BACKUP: {}", what);
}

}  // namespace

Status BaseBackup::Send(const std::string& command) {
  if (PQsendQuery(session_.handle(), command.c_str()) == 0)
    return ErrorOfConnection(session_.handle());
  for (;;) {
    const int unsent = PQflush(session_.handle());  // a short text: it fits into the socket
    if (unsent == 0) return Ok();
    if (unsent < 0) return ErrorOfConnection(session_.handle());
  }
}

Status BaseBackup::Await(const OpContext& ctx) {
  SocketWait wait(ctx);
  while (PQisBusy(session_.handle()) != 0) {
    RETURN_IF_ERROR(wait.Until(PQsocket(session_.handle()), POLLIN));
    if (PQconsumeInput(session_.handle()) == 0) return ErrorOfConnection(session_.handle());
  }
  return Ok();
}

Result<Rows> BaseBackup::NextRows(const OpContext& ctx) {
  RETURN_IF_ERROR(Await(ctx));
  PGresult* const result = PQgetResult(session_.handle());
  if (result == nullptr) return Unexpected("an answer is missing");
  Rows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return ErrorOfResult(result);
  return rows;
}

Status BaseBackup::Handle(const OpContext& ctx, std::string_view message) {
  if (message.empty()) return Unexpected("an empty message");
  const char kind = message.front();
  message.remove_prefix(1);
  if (kind == 'd') {
    if (sink_ == nullptr) return Unexpected("data before an archive");
    return sink_->Write(ctx, AsBytes(message));
  }
  if (kind == 'n') {
    const std::string name(message.substr(0, message.find('\0')));
    KillPoint("postgresql.base_backup.archive");
    ASSIGN_OR_RETURN(sink_, archives_.Begin(ctx, name));
    return Ok();
  }
  if (kind == 'm') {
    ASSIGN_OR_RETURN(sink_, archives_.Begin(ctx, "backup_manifest"));
    return Ok();
  }
  if (kind == 'p') return Ok();
  return Unexpected(fmt::format("a message of kind '{}'", kind));
}

Status BaseBackup::Copy(const OpContext& ctx) {
  RETURN_IF_ERROR(Await(ctx));
  {
    PGresult* const result = PQgetResult(session_.handle());
    if (result == nullptr) return Unexpected("its data is missing");
    const Rows keeper(result);
    if (PQresultStatus(result) != PGRES_COPY_OUT) return ErrorOfResult(result);
  }
  SocketWait wait(ctx);
  SteadyTime next_look = std::chrono::steady_clock::now() + kRoomPause;
  for (;;) {
    char* buffer = nullptr;
    const int length = PQgetCopyData(session_.handle(), &buffer, 1);
    const std::unique_ptr<char, decltype(&PQfreemem)> keeper(buffer, PQfreemem);
    if (length == -1) return Ok();
    if (length < -1) return ErrorOfConnection(session_.handle());
    if (length == 0) {
      RETURN_IF_ERROR(wait.Until(PQsocket(session_.handle()), POLLIN));
      if (PQconsumeInput(session_.handle()) == 0) return ErrorOfConnection(session_.handle());
    } else {
      RETURN_IF_ERROR(Handle(ctx, {buffer, static_cast<std::size_t>(length)}));
    }
    if (const SteadyTime now = std::chrono::steady_clock::now(); now >= next_look) {
      RETURN_IF_ERROR(ctx.Poll());
      RETURN_IF_ERROR(room_());
      next_look = now + kRoomPause;
    }
  }
}

Result<BaseBackupFacts> BaseBackup::Take(const OpContext& ctx) {
  // one slot a session: the backend's number makes its name unique, and the slot ends with it
  RETURN_IF_ERROR(Send(
      fmt::format("CREATE_REPLICATION_SLOT dbagent_backup_{} TEMPORARY PHYSICAL (RESERVE_WAL true)",
                  PQbackendPID(session_.handle()))));
  RETURN_IF_ERROR(NextRows(ctx).status());
  if (PQgetResult(session_.handle()) != nullptr) return Unexpected("a second answer");
  KillPoint("postgresql.base_backup.slot_made");

  RETURN_IF_ERROR(
      Send("BASE_BACKUP (LABEL 'dbagent', CHECKPOINT 'fast', WAL true, TABLESPACE_MAP true, "
           "MANIFEST 'yes', MANIFEST_CHECKSUMS 'CRC32C')"));
  BaseBackupFacts facts;
  {
    ASSIGN_OR_RETURN(const Rows start, NextRows(ctx));
    if (start.empty()) return Unexpected("no start position");
    facts.start_lsn = start.Text(0, 0);
    facts.timeline = start.Text(0, 1);
  }
  RETURN_IF_ERROR(NextRows(ctx).status());  // the tablespaces; each announces itself again
  RETURN_IF_ERROR(Copy(ctx));
  ASSIGN_OR_RETURN(const Rows end, NextRows(ctx));
  if (end.empty()) return Unexpected("no end position");
  facts.end_lsn = end.Text(0, 0);
  for (;;) {
    RETURN_IF_ERROR(Await(ctx));
    PGresult* const result = PQgetResult(session_.handle());
    if (result == nullptr) return facts;
    const Rows keeper(result);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) return ErrorOfResult(result);
  }
}

}  // namespace dbagent::datastore::postgresql
