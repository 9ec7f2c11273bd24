#include "agent/workflows/logical_restore.h"

#include "agent/base/kill_point.h"
#include "agent/base/parallel.h"

namespace dbagent::workflows {
namespace {

constexpr std::size_t kReadBytes = 256U << 10U;

using datastore::LoadUsersSpec;
using datastore::UserId;

datastore::DatabaseInfo ToInfo(const internal::Database& database, const std::string& name) {
  datastore::DatabaseInfo info{
      name, database.character_set(), database.collation(), database.ctype(), database.owner(), {},
      {}};
  if (database.has_connection_limit()) info.connection_limit = database.connection_limit();
  return info;
}

void Add(const UserId& id, internal::Account& out) {
  out.set_name(id.name);
  out.set_host(id.host);
}

Result<datastore::LogicalBackup*> Engine(const Context& context) {
  return Require(context.datastore.logical_backup(), "logical_backup", context.datastore);
}

// A placeholder that somebody has made a user of meanwhile is left alone.
Result<bool> CanLogIn(const OpContext& ctx, const Context& context, const UserId& id) {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const users,
                   Require(context.datastore.users(), "user_admin", context.datastore));
  const Result<datastore::UserInfo> info = users->Get(ctx, id);
  if (!info.ok()) {
    if (info.status().reason() == "USER_NOT_FOUND") return true;  // nothing to drop
    return info.status();
  }
  return info->attributes.locked && !*info->attributes.locked;
}

}  // namespace

LogicalRestore::LogicalRestore(const Context& context, backup::ReadFlow& flow, std::string instance,
                               backup::OpenedBackup source, LogicalRestoreSpec spec, Save save,
                               internal::RestorePlan plan)
    : context_(context),
      flow_(flow),
      instance_(std::move(instance)),
      source_(std::move(source)),
      spec_(std::move(spec)),
      save_(std::move(save)),
      finished_(plan.finished().begin(), plan.finished().end()),
      plan_(std::move(plan)) {}

bool LogicalRestore::IsFinished(const LogicalRestoreSpec::Target& target) const {
  return finished_.contains(target.name);
}

Status LogicalRestore::Plan(const std::function<void(internal::RestorePlan&)>& change) {
  const std::lock_guard lock(mutex_);
  change(plan_);
  return save_(plan_);
}

Status LogicalRestore::CheckAbsent(const OpContext& ctx) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin,
                   Require(context_.datastore.databases(), "database_admin", context_.datastore));
  for (const auto& target : spec_.targets) {
    if (IsFinished(target)) continue;
    const Result<datastore::DatabaseInfo> there = admin->Get(ctx, target.name);
    if (there.ok()) {
      return Error(Code::kAlreadyExists, "DATABASE_EXISTS",
                   "unable to restore database '{}': it exists", target.name)
          .WithHint("restore it under another name, or delete it first");
    }
    if (there.status().reason() != "DATABASE_NOT_FOUND") return there.status();
  }
  return Ok();
}

// Several chunks of it at a time, by the readers of its own.
Status LogicalRestore::VerifyStream(const OpContext& ctx, const internal::Stream& stream) {
  backup::StreamSource source(ctx, flow_, What(stream));
  std::vector<std::byte> buffer(kReadBytes);
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    if (got == 0) return Ok();
  }
}

Status LogicalRestore::Verify(const OpContext& ctx) {
  std::vector<const internal::Stream*> streams;
  for (const auto& target : spec_.targets) {
    if (!IsFinished(target)) streams.push_back(&target.stream);
  }
  if (spec_.users) streams.push_back(&*spec_.users);
  std::uint64_t total = 0;
  for (const internal::Stream* stream : streams) total += stream->source_bytes();
  ctx.BeginStep("verify", 20);
  ctx.SetTotalBytes(total);
  for (const internal::Stream* stream : streams) RETURN_IF_ERROR(VerifyStream(ctx, *stream));
  return Ok();
}

Status LogicalRestore::LoadUsers(const OpContext& ctx, LoadUsersSpec spec) {
  if (!spec_.users) return Ok();
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine(context_));
  backup::StreamSource source(ctx, flow_, What(*spec_.users));
  spec.before_account = [&](const UserId& id) -> Status {
    made_users_.push_back(id);
    RETURN_IF_ERROR(Plan([&](internal::RestorePlan& plan) { Add(id, *plan.add_users()); }));
    KillPoint("restore.user_planned");
    return Ok();
  };
  RETURN_IF_ERROR(engine->LoadUsers(ctx, spec, source));
  KillPoint("restore.users_loaded");
  return Ok();
}

Status LogicalRestore::LoadDatabase(const OpContext& ctx, std::size_t index) {
  const auto& target = spec_.targets[index];
  if (IsFinished(target)) return Ok();
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine(context_));
  ctx.Say(fmt::format("database {} of {}: {}", index + 1, spec_.targets.size(), target.name));
  RETURN_IF_ERROR(Plan([&](internal::RestorePlan& plan) { plan.add_databases(target.name); }));
  KillPoint("restore.planned");
  backup::StreamSource source(ctx, flow_, What(target.stream));
  const auto before_account = [&](const UserId& id) {
    return Plan([&](internal::RestorePlan& plan) { Add(id, *plan.add_stand_ins()); });
  };
  Status loaded = engine->Load(ctx,
                               {ToInfo(target.stream.database(), target.name),
                                spec_.run_as_superuser, spec_.owner, before_account},
                               source);
  if (loaded.reason() == "DATABASE_EXISTS") {  // somebody else made it meanwhile: not ours to drop
    RETURN_IF_ERROR(Plan([&](internal::RestorePlan& plan) {
      auto& names = *plan.mutable_databases();
      names.erase(std::remove(names.begin(), names.end(), target.name), names.end());
    }));
  }
  if (!loaded.ok())
    return std::move(loaded).Wrap(fmt::format("unable to restore database '{}'", target.name));
  RETURN_IF_ERROR(Plan([&](internal::RestorePlan& plan) { plan.add_finished(target.name); }));
  KillPoint("restore.loaded");
  return Ok();
}

Status LogicalRestore::LoadDatabases(const OpContext& ctx) {
  std::uint64_t total = 0;
  for (const auto& target : spec_.targets) total += target.stream.source_bytes();
  ctx.BeginStep("load", 75);
  ctx.SetTotalBytes(total);
  return ForEachParallel(
      ctx, spec_.targets.size(), spec_.one_by_one ? 1 : spec_.at_a_time,
      [&](const OpContext& part, std::size_t index) { return LoadDatabase(part, index); });
}

Status LogicalRestore::Run(const OpContext& ctx,
                           const std::function<void(const std::string&)>& note) {
  RETURN_IF_ERROR(CheckAbsent(ctx));
  RETURN_IF_ERROR(Verify(ctx));
  KillPoint("restore.verified");
  RETURN_IF_ERROR(LoadUsers(ctx, {.part = LoadUsersSpec::Part::kAccounts, .note = note}));
  RETURN_IF_ERROR(LoadDatabases(ctx));
  RETURN_IF_ERROR(
      LoadUsers(ctx, {.part = LoadUsersSpec::Part::kRights, .made = made_users_, .note = note}));
  RETURN_IF_ERROR(ctx.Poll());
  RETURN_IF_ERROR(Plan([](internal::RestorePlan& plan) { plan.set_loaded(true); }));
  KillPoint("restore.all_loaded");
  return Ok();
}

Status LogicalRestore::Undo(const OpContext& ctx, const Context& context,
                            const internal::RestorePlan& plan) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin,
                   Require(context.datastore.databases(), "database_admin", context.datastore));
  for (const std::string& name : plan.databases()) RETURN_IF_ERROR(admin->Drop(ctx, name).status());
  std::vector<UserId> users;
  for (const internal::Account& account : plan.users())
    users.push_back({account.name(), account.host()});
  for (const internal::Account& account : plan.stand_ins()) {
    const UserId id{account.name(), account.host()};
    ASSIGN_OR_RETURN(const bool user, CanLogIn(ctx, context, id));
    if (!user) users.push_back(id);
  }
  if (users.empty()) return Ok();
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine(context));
  return engine->DropUsers(ctx, users);
}

}  // namespace dbagent::workflows
