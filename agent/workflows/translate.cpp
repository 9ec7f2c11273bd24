#include "agent/workflows/translate.h"

#include "agent/base/redact.h"
#include "agent/operations/kinds.h"

namespace dbagent::workflows {

void ToTimestamp(WallTime time, google::protobuf::Timestamp& out) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
}

WallTime FromTimestamp(const google::protobuf::Timestamp& time) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos())));
}

void ToProto(const Status& status, v1::Error& out) {
  out.set_code(static_cast<std::int32_t>(status.code()));
  out.set_reason(status.reason());
  out.set_message(Redact(status.FullMessage()));
  out.set_hint(Redact(status.hint()));
  out.set_retryable(status.retryable());
  for (const auto& [key, value] : status.metadata()) (*out.mutable_metadata())[key] = value;
}

Status FromProto(const v1::Error& error) {
  Status status = Status(static_cast<Code>(error.code()), error.reason(), error.message())
                      .WithHint(error.hint());
  for (const auto& [key, value] : error.metadata())
    status = std::move(status).WithField(key, value);
  return error.retryable() ? std::move(status).AsRetryable() : status;
}

namespace {

// The wire's state numbers are the journal's (record.h), which a test holds together.
v1::OperationState ToProto(operations::State state) {
  return static_cast<v1::OperationState>(state);
}

}  // namespace

operations::State FromProto(v1::OperationState state) {
  return static_cast<operations::State>(state);
}

v1::Operation ToProto(const operations::Record& record) {
  v1::Operation out;
  out.set_id(record.id);
  out.set_kind(record.kind);
  for (const std::string& target : record.targets) out.add_targets(target);
  out.set_state(ToProto(record.state));
  ToTimestamp(record.created, *out.mutable_create_time());
  if (record.started) ToTimestamp(*record.started, *out.mutable_start_time());
  if (record.ended) ToTimestamp(*record.ended, *out.mutable_end_time());
  v1::Progress& progress = *out.mutable_progress();
  progress.set_step(record.progress.step);
  progress.set_percent(record.state == operations::State::kSucceeded ? 100
                                                                     : record.progress.percent);
  progress.set_bytes_done(record.progress.bytes_done);
  progress.set_bytes_total(record.progress.bytes_total);
  progress.set_bytes_per_second(record.progress.bytes_per_second);
  progress.set_line(record.progress.line);
  for (const StageFigures& figures : record.progress.stages) {
    v1::StageFigures& stage = *progress.add_stages();
    stage.set_name(figures.name);
    stage.set_threads(figures.threads);
    stage.set_bytes(figures.bytes);
    stage.set_busy_seconds(std::chrono::duration<double>(figures.busy).count());
    stage.set_waited_seconds(std::chrono::duration<double>(figures.waited).count());
  }
  progress.set_bytes_per_second_limit(record.progress.rate_limit);
  if (record.error.code != Code::kOk) ToProto(record.error.ToStatus(), *out.mutable_error());
  out.set_caller(record.caller);
  out.set_backup_id(record.backup_id);
  const operations::Kind* kind = operations::FindKind(record.kind);
  out.set_cancellable(kind != nullptr && kind->cancellable &&
                      record.state == operations::State::kRunning);
  for (const std::string& note : record.notes) out.add_notes(note);
  return out;
}

v1::Database ToProto(const datastore::DatabaseInfo& info) {
  v1::Database out;
  out.set_name(info.name);
  out.set_character_set(info.character_set);
  out.set_collation(info.collation);
  out.set_ctype(info.ctype);
  out.set_owner(info.owner);
  if (info.connection_limit) out.set_connection_limit(*info.connection_limit);
  if (info.size_bytes) out.set_size_bytes(*info.size_bytes);
  return out;
}

datastore::DatabaseSpec ToSpec(const v1::Database& database) {
  datastore::DatabaseSpec spec{database.name(),  database.character_set(), database.collation(),
                               database.ctype(), database.owner(),         {}};
  if (database.has_connection_limit()) spec.connection_limit = database.connection_limit();
  return spec;
}

datastore::UserId ToId(const v1::UserName& name, bool mysql) {
  return {name.name(), mysql && name.host().empty() ? "%" : name.host()};
}

v1::UserName ToProto(const datastore::UserId& id) {
  v1::UserName out;
  out.set_name(id.name);
  out.set_host(id.host);
  return out;
}

v1::User ToProto(const datastore::UserInfo& info, bool mysql) {
  v1::User out;
  *out.mutable_id() = ToProto(info.id);
  out.set_authentication(info.authentication);
  const datastore::UserAttributes& a = info.attributes;
  if (mysql) {
    v1::MysqlAccount& account = *out.mutable_mysql();
    if (a.locked) account.set_locked(*a.locked);
    if (a.require_tls) account.set_require_tls(*a.require_tls);
    if (a.max_connections) account.set_max_connections(*a.max_connections);
    return out;
  }
  v1::PostgresqlRole& role = *out.mutable_postgresql();
  if (a.login) role.set_login(*a.login);
  if (a.inherit) role.set_inherit(*a.inherit);
  if (a.create_database) role.set_create_database(*a.create_database);
  if (a.create_role) role.set_create_role(*a.create_role);
  if (a.connection_limit) role.set_connection_limit(*a.connection_limit);
  if (a.valid_until && *a.valid_until != WallTime::max())
    ToTimestamp(*a.valid_until, *role.mutable_valid_until());
  if (a.member_of) {
    for (const std::string& name : *a.member_of) role.add_member_of(name);
  }
  return out;
}

Result<datastore::UserAttributes> ToAttributes(const v1::User& user, bool mysql) {
  if (mysql ? user.has_postgresql() : user.has_mysql()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "user '{}' has the attributes of a {}, and this datastore is {}", user.id().name(),
                 mysql ? "PostgreSQL role" : "MySQL account", mysql ? "MySQL" : "PostgreSQL");
  }
  datastore::UserAttributes out;
  if (user.has_mysql()) {
    const v1::MysqlAccount& account = user.mysql();
    if (account.has_locked()) out.locked = account.locked();
    if (account.has_require_tls()) out.require_tls = account.require_tls();
    if (account.has_max_connections()) out.max_connections = account.max_connections();
  }
  if (user.has_postgresql()) {
    const v1::PostgresqlRole& role = user.postgresql();
    if (role.has_login()) out.login = role.login();
    if (role.has_inherit()) out.inherit = role.inherit();
    if (role.has_create_database()) out.create_database = role.create_database();
    if (role.has_create_role()) out.create_role = role.create_role();
    if (role.has_connection_limit()) out.connection_limit = role.connection_limit();
    if (role.has_valid_until()) out.valid_until = FromTimestamp(role.valid_until());
    if (role.member_of_size() > 0)
      out.member_of = std::vector<std::string>(role.member_of().begin(), role.member_of().end());
  }
  return out;
}

v1::DatabaseGrant ToProto(const datastore::Grant& grant) {
  v1::DatabaseGrant out;
  out.set_database(grant.database);
  out.set_object(grant.object);
  out.set_set(static_cast<v1::PrivilegeSet>(grant.set));  // the same order, zero is none
  for (const std::string& privilege : grant.privileges) out.add_privileges(privilege);
  out.set_with_grant_option(grant.with_grant_option);
  return out;
}

Result<datastore::Grant> ToGrant(const v1::DatabaseGrant& grant) {
  const auto invalid = [&](std::string_view what) {
    return Error(Code::kInvalidArgument, "VALUE_INVALID", "a grant on database '{}' {}",
                 grant.database(), what);
  };
  if (grant.database().empty()) return invalid("names no database");
  if (!grant.object().empty())
    return invalid("names an object; only whole databases can be granted");
  if (!v1::PrivilegeSet_IsValid(grant.set())) return invalid("has an unknown set");
  const bool has_set = grant.set() != v1::PRIVILEGE_SET_UNSPECIFIED;
  if (has_set == (grant.privileges_size() > 0))
    return invalid("must have either a set or privileges");
  return datastore::Grant{
      grant.database(), "", static_cast<datastore::PrivilegeSet>(grant.set()),
      std::vector<std::string>(grant.privileges().begin(), grant.privileges().end()),
      grant.with_grant_option()};
}

}  // namespace dbagent::workflows
