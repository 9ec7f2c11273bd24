#include "agent/workflows/users.h"

#include <algorithm>

#include "agent/workflows/mutation.h"
#include "agent/workflows/paging.h"

namespace dbagent::workflows {
namespace {

v1::CreateUsersRequest WithoutPasswords(const v1::CreateUsersRequest& request) {
  v1::CreateUsersRequest copy = request;
  for (v1::NewUser& user : *copy.mutable_users()) {
    Wipe(*user.mutable_password());
    user.clear_password();
  }
  return copy;
}

bool Names(const v1::UpdateUserRequest& request, std::string_view field) {
  const auto& paths = request.update_mask().paths();
  return std::find(paths.begin(), paths.end(), field) != paths.end();
}

}  // namespace

Result<datastore::UserAdmin*> Users::Admin() const {
  return Require(context_.datastore.users(), "user_admin", context_.datastore);
}

// ---- create
// ---------------------------------------------------------------------------------------------------------

Status Users::Check(const v1::NewUser& user) const {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(datastore::UserAttributes attributes, ToAttributes(user.user(), mysql()));
  RETURN_IF_ERROR(admin->Check(
      {ToId(user.user().id(), mysql()), Secret(user.password()), std::move(attributes)}));
  for (const v1::DatabaseGrant& grant : user.grants()) RETURN_IF_ERROR(ToGrant(grant).status());
  return Ok();
}

Status Users::GrantOne(const OpContext& ctx, const v1::NewUser& user) {
  if (user.grants().empty()) return Ok();
  ASSIGN_OR_RETURN(datastore::GrantAdmin* const grants, Grants());
  for (const v1::DatabaseGrant& grant : user.grants()) {
    ASSIGN_OR_RETURN(const datastore::Grant wanted, ToGrant(grant));
    RETURN_IF_ERROR(grants->GrantTo(ctx, ToId(user.user().id(), mysql()), wanted));
  }
  return Ok();
}

Status Users::GrantAll(const OpContext& ctx,
                       const google::protobuf::RepeatedPtrField<v1::NewUser>& users) {
  for (const v1::NewUser& user : users) RETURN_IF_ERROR(GrantOne(ctx, user));
  return Ok();
}

// One user with its grants, all or nothing.
Result<datastore::UserInfo> Users::CreateOne(const OpContext& ctx, const v1::NewUser& user) {
  RETURN_IF_ERROR(ctx.Poll());
  RETURN_IF_ERROR(Check(user));
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(datastore::UserAttributes attributes, ToAttributes(user.user(), mysql()));
  const datastore::UserId id = ToId(user.user().id(), mysql());
  ASSIGN_OR_RETURN(datastore::UserInfo made,
                   admin->Create(ctx, {id, Secret(user.password()), std::move(attributes)}));
  KillPoint("user.create.made");
  const Status granted = GrantOne(ctx, user);
  if (granted.ok()) return made;
  Status failed = Status(granted).Wrap(fmt::format("unable to create user '{}'", id.ToString()));
  const Result<bool> undone = admin->Drop(ctx.ForCleanup(std::chrono::seconds(30)), id);
  if (undone.ok()) return failed;
  return std::move(failed).WithHint(
      fmt::format("the user was made but could not be taken away again ({}); delete it",
                  undone.status().FullMessage()));
}

Status Users::CreateAll(const OpContext& ctx,
                        const google::protobuf::RepeatedPtrField<v1::NewUser>& users,
                        v1::CreateUsersResponse& response) {
  for (int i = 0; i < users.size(); ++i) {
    const Result<datastore::UserInfo> made = CreateOne(ctx, users[i]);
    v1::CreateUsersResponse::Item& item = *response.add_items();
    *item.mutable_id() = ToProto(ToId(users[i].user().id(), mysql()));
    RETURN_IF_ERROR(ItemOutcome(made.status(), i == 0, false));
    if (made.ok()) {
      *item.mutable_user() = ToProto(*made, mysql());
    } else {
      ToProto(made.status(), *item.mutable_error());
    }
    KillPoint("user.create.item");
  }
  return Ok();
}

Result<v1::CreateUsersResponse> Users::Create(const Call& call,
                                              const v1::CreateUsersRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.users_size(), "users"));
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  std::vector<std::string> names;
  for (const v1::NewUser& user : request.users())
    names.push_back(ToId(user.user().id(), mysql()).ToString());
  return RunMutation<v1::CreateUsersRequest, v1::CreateUsersResponse>(
      context_, call, "user.create", names, request,
      [&](operations::Running& running, v1::CreateUsersResponse& response) -> Status {
        std::vector<bool> existed;
        for (const v1::NewUser& user : request.users()) {
          const Result<datastore::UserInfo> found =
              admin->Get(running.ctx(), ToId(user.user().id(), mysql()));
          if (!found.ok() && found.status().code() == Code::kUnavailable) return found.status();
          existed.push_back(found.ok());
        }
        RETURN_IF_ERROR(SaveMutationPlan(running, WithoutPasswords(request), existed));
        return CreateAll(running.ctx(), request.users(), response);
      });
}

Status Users::RecoverCreate(operations::Running& running, const std::vector<bool>& existed,
                            const v1::CreateUsersRequest& request) {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  for (int i = 0; i < request.users_size(); ++i) {
    if (existed[static_cast<std::size_t>(i)]) continue;
    const Result<bool> dropped =
        admin->Drop(running.ctx(), ToId(request.users(i).user().id(), mysql()));
    // a name that may not be named was never made
    if (!dropped.ok() && dropped.status().code() != Code::kInvalidArgument &&
        dropped.status().code() != Code::kPermissionDenied) {
      return dropped.status();
    }
  }
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while users were created; those that it had made were taken "
               "away again")
      .WithHint("repeat the call");
}

// ---- list, get
// ------------------------------------------------------------------------------------------------------

Result<v1::ListUsersResponse> Users::List(const Call& call, const v1::ListUsersRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const PageAsked asked, ReadPage(context_.operations, request.page(), "users"));
  datastore::PageRequest<datastore::UserId> wanted{asked.limit, {}};
  if (asked.after) {
    // A token holds `name NUL host`; start_after is `name` or `name@host`, cut at the last @ as
    // accounts are written.
    const std::size_t cut = asked.from_token ? asked.after->find('\0')
                            : mysql()        ? asked.after->rfind('@')
                                             : std::string::npos;
    wanted.start_after = cut == std::string::npos ? datastore::UserId{*asked.after, ""}
                                                  : datastore::UserId{asked.after->substr(0, cut),
                                                                      asked.after->substr(cut + 1)};
  }
  ASSIGN_OR_RETURN(const datastore::Page<datastore::UserInfo> page,
                   admin->List(call.Reading(), wanted));
  v1::ListUsersResponse response;
  for (const datastore::UserInfo& info : page.items) *response.add_users() = ToProto(info, mysql());
  if (page.more && !page.items.empty()) {
    const datastore::UserId& last = page.items.back().id;
    response.mutable_page()->set_next_page_token(
        MakePageToken(context_.operations, "users", last.name + '\0' + last.host));
  }
  return response;
}

Result<v1::User> Users::Get(const Call& call, const v1::GetUserRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const datastore::UserInfo info,
                   admin->Get(call.Reading(), ToId(request.id(), mysql())));
  return ToProto(info, mysql());
}

// ---- update
// ---------------------------------------------------------------------------------------------------------

Result<datastore::UserChange> Users::ReadChange(const v1::UpdateUserRequest& request) const {
  const std::string& name = request.user().id().name();
  if (request.update_mask().paths().empty()) {
    return Error(Code::kInvalidArgument, "UPDATE_MASK_INVALID",
                 "unable to update user '{}': update_mask is empty", name)
        .WithHint("name the fields to change");
  }
  ASSIGN_OR_RETURN(const datastore::UserAttributes all, ToAttributes(request.user(), mysql()));
  datastore::UserChange change;
  change.id = ToId(request.user().id(), mysql());
  for (const std::string& field : request.update_mask().paths()) {
    datastore::UserAttributes& out = change.attributes;
    if (field == "password") {
      change.password = Secret(request.password());
    } else if (field == "id") {
      change.new_id = ToId(request.new_id(), mysql());
    } else if (field == "mysql.locked") {
      out.locked = all.locked.value_or(false);
    } else if (field == "mysql.require_tls") {
      out.require_tls = all.require_tls.value_or(false);
    } else if (field == "mysql.max_connections") {
      out.max_connections = all.max_connections.value_or(0);
    } else if (field == "postgresql.login") {
      out.login = all.login.value_or(true);
    } else if (field == "postgresql.inherit") {
      out.inherit = all.inherit.value_or(true);
    } else if (field == "postgresql.create_database") {
      out.create_database = all.create_database.value_or(false);
    } else if (field == "postgresql.create_role") {
      out.create_role = all.create_role.value_or(false);
    } else if (field == "postgresql.connection_limit") {
      out.connection_limit = all.connection_limit.value_or(-1);
    } else if (field == "postgresql.valid_until") {
      out.valid_until = all.valid_until.value_or(WallTime::max());
    } else if (field == "postgresql.member_of") {
      out.member_of = all.member_of.value_or(std::vector<std::string>());
    } else {
      return Error(Code::kInvalidArgument, "UPDATE_MASK_INVALID",
                   "unable to update user '{}': '{}' cannot be changed", name, field)
          .WithHint(
              "update_mask may name password, id, mysql.locked, mysql.require_tls, "
              "mysql.max_connections, postgresql.login, "
              "postgresql.inherit, postgresql.create_database, postgresql.create_role, "
              "postgresql.connection_limit, "
              "postgresql.valid_until, postgresql.member_of");
    }
  }
  return change;
}

// Empty when there is no such user, or nothing stored.
std::string Users::CredentialDigest(const OpContext& ctx, const datastore::UserId& id) {
  datastore::UserAdmin* const admin = context_.datastore.users();
  if (admin == nullptr) return {};
  const Result<Secret> stored = admin->StoredCredential(ctx, id);
  return stored.ok() ? context_.operations.Digest(stored->Reveal()) : std::string();
}

Result<v1::User> Users::Update(const Call& call, const v1::UpdateUserRequest& request) {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const datastore::UserChange change, ReadChange(request));
  std::vector<std::string> targets = {change.id.ToString()};
  if (change.new_id) targets.push_back(change.new_id->ToString());
  return RunMutation<v1::UpdateUserRequest, v1::User>(
      context_, call, "user.update", targets, request,
      [&](operations::Running& running, v1::User& response) -> Status {
        v1::UpdateUserRequest kept = request;
        Wipe(*kept.mutable_password());
        RETURN_IF_ERROR(SaveMutationPlan(
            running, kept, {}, change.password ? CredentialDigest(running.ctx(), change.id) : ""));
        ASSIGN_OR_RETURN(const datastore::UserInfo info, admin->Update(running.ctx(), change));
        KillPoint("user.update.item");
        response = ToProto(info, mysql());
        return Ok();
      });
}

Status Users::RecoverUpdate(operations::Running& running, const std::string& digest,
                            const v1::UpdateUserRequest& request) {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const datastore::UserChange change, ReadChange(request));
  const datastore::UserId after = change.new_id.value_or(change.id);
  const auto done = [&]() -> Status {
    ASSIGN_OR_RETURN(const datastore::UserInfo info, admin->Get(running.ctx(), after));
    running.SetResult(Serialise(ToProto(info, mysql())));
    return Ok();
  };
  // The driver's Update is all or nothing, so one part of it tells about the whole.
  if (after != change.id) {
    const Result<datastore::UserInfo> old_name = admin->Get(running.ctx(), change.id);
    if (!old_name.ok() && old_name.status().reason() == "USER_NOT_FOUND") return done();
    if (!old_name.ok()) return old_name.status();
  }
  if (!Names(request, "password")) {
    RETURN_IF_ERROR(admin->Update(running.ctx(), change).status());
    return done();
  }
  RETURN_IF_ERROR(admin->Get(running.ctx(), change.id).status());
  if (after == change.id && CredentialDigest(running.ctx(), change.id) != digest) return done();
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped before user '{}' was changed; nothing was done",
               change.id.ToString())
      .WithHint("repeat the call");
}

// ---- delete
// ---------------------------------------------------------------------------------------------------------

Status Users::DeleteAll(const OpContext& ctx, const v1::DeleteUsersRequest& request,
                        bool recovering, v1::DeleteUsersResponse& response) {
  ASSIGN_OR_RETURN(datastore::UserAdmin* const admin, Admin());
  for (int i = 0; i < request.ids_size(); ++i) {
    const datastore::UserId id = ToId(request.ids(i), mysql());
    const Result<bool> dropped = [&]() -> Result<bool> {
      RETURN_IF_ERROR(ctx.Poll());
      return admin->Drop(ctx, id);
    }();
    v1::DeleteUsersResponse::Item& item = *response.add_items();
    *item.mutable_id() = ToProto(id);
    RETURN_IF_ERROR(ItemOutcome(dropped.status(), i == 0, recovering));
    if (dropped.ok()) {
      item.set_existed(*dropped);
    } else {
      ToProto(dropped.status(), *item.mutable_error());
    }
    KillPoint("user.delete.item");
  }
  return Ok();
}

Result<v1::DeleteUsersResponse> Users::Delete(const Call& call,
                                              const v1::DeleteUsersRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.ids_size(), "ids"));
  std::vector<std::string> names;
  for (const v1::UserName& id : request.ids()) names.push_back(ToId(id, mysql()).ToString());
  return RunMutation<v1::DeleteUsersRequest, v1::DeleteUsersResponse>(
      context_, call, "user.delete", names, request,
      [&](operations::Running& running, v1::DeleteUsersResponse& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        return DeleteAll(running.ctx(), request, false, response);
      });
}

// ---- recovery
// -------------------------------------------------------------------------------------------------------

void Users::RegisterRecovery() {
  using operations::Running;
  operations::Operations& operations = context_.operations;
  OnRecoverRequest<v1::CreateUsersRequest>(
      operations, "user.create",
      [this](Running& running, const internal::MutationPlan& plan,
             const v1::CreateUsersRequest& request) {
        return RecoverCreate(running, {plan.existed().begin(), plan.existed().end()}, request);
      });
  OnRecoverRequest<v1::UpdateUserRequest>(
      operations, "user.update",
      [this](Running& running, const internal::MutationPlan& plan,
             const v1::UpdateUserRequest& request) {
        return RecoverUpdate(running, plan.credential_digest(), request);
      });
  OnRecoverRequest<v1::DeleteUsersRequest>(
      operations, "user.delete",
      [this](Running& running, const internal::MutationPlan&,
             const v1::DeleteUsersRequest& request) -> Status {
        v1::DeleteUsersResponse response;
        RETURN_IF_ERROR(DeleteAll(running.ctx(), request, true, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
  RegisterGrantRecovery();
}

}  // namespace dbagent::workflows
