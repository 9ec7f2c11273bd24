// The grants and root half of UserService.
#include "agent/workflows/mutation.h"
#include "agent/workflows/users.h"

namespace dbagent::workflows {

Result<datastore::GrantAdmin*> Users::Grants() const {
  return Require(context_.datastore.grants(), "grant_admin", context_.datastore);
}
Result<datastore::RootAdmin*> Users::Root() const {
  return Require(context_.datastore.root(), "root_admin", context_.datastore);
}

// ---- grants
// ---------------------------------------------------------------------------------------------------------

template <typename Request, typename Response>
Status Users::ChangeGrants(const OpContext& ctx, const Request& request, bool grant,
                           bool recovering, Response& response) {
  ASSIGN_OR_RETURN(datastore::GrantAdmin* const admin, Grants());
  const datastore::UserId user = ToId(request.id(), mysql());
  for (int i = 0; i < request.grants_size(); ++i) {
    const Status changed = [&]() -> Status {
      RETURN_IF_ERROR(ctx.Poll());
      ASSIGN_OR_RETURN(const datastore::Grant wanted, ToGrant(request.grants(i)));
      return grant ? admin->GrantTo(ctx, user, wanted) : admin->RevokeFrom(ctx, user, wanted);
    }();
    v1::GrantOutcome& item = *response.add_items();
    *item.mutable_grant() = request.grants(i);
    RETURN_IF_ERROR(ItemOutcome(changed, i == 0, recovering));
    if (!changed.ok()) ToProto(changed, *item.mutable_error());
    KillPoint(grant ? "user.grant.item" : "user.revoke.item");
  }
  return Ok();
}

Result<v1::GrantResponse> Users::Grant(const Call& call, const v1::GrantRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.grants_size(), "grants"));
  for (const v1::DatabaseGrant& grant : request.grants()) RETURN_IF_ERROR(ToGrant(grant).status());
  return RunMutation<v1::GrantRequest, v1::GrantResponse>(
      context_, call, "user.grant", {ToId(request.id(), mysql()).ToString()}, request,
      [&](operations::Running& running, v1::GrantResponse& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        return ChangeGrants(running.ctx(), request, true, false, response);
      });
}

Result<v1::RevokeResponse> Users::Revoke(const Call& call, const v1::RevokeRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.grants_size(), "grants"));
  for (const v1::DatabaseGrant& grant : request.grants()) RETURN_IF_ERROR(ToGrant(grant).status());
  return RunMutation<v1::RevokeRequest, v1::RevokeResponse>(
      context_, call, "user.revoke", {ToId(request.id(), mysql()).ToString()}, request,
      [&](operations::Running& running, v1::RevokeResponse& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        return ChangeGrants(running.ctx(), request, false, false, response);
      });
}

Result<v1::ListGrantsResponse> Users::ListGrants(const Call& call,
                                                 const v1::ListGrantsRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::GrantAdmin* const admin, Grants());
  ASSIGN_OR_RETURN(const std::vector<datastore::Grant> grants,
                   admin->List(call.Reading(), ToId(request.id(), mysql())));
  v1::ListGrantsResponse response;
  for (const datastore::Grant& grant : grants) *response.add_grants() = ToProto(grant);
  return response;
}

// ---- root
// -----------------------------------------------------------------------------------------------------------

namespace {
v1::RootState RootToProto(const datastore::RootState& state) {
  v1::RootState out;
  out.set_enabled(state.enabled);
  *out.mutable_id() = ToProto(state.id);
  return out;
}
}  // namespace

Result<v1::EnableRootResponse> Users::EnableRoot(const Call& call,
                                                 const v1::EnableRootRequest& request) {
  ASSIGN_OR_RETURN(datastore::RootAdmin* const admin, Root());
  return RunMutation<v1::EnableRootRequest, v1::EnableRootResponse>(
      context_, call, "user.enable_root", {"root"}, request,
      [&](operations::Running& running, v1::EnableRootResponse& response) -> Status {
        ASSIGN_OR_RETURN(const datastore::RootState before, admin->State(running.ctx()));
        RETURN_IF_ERROR(SaveMutationPlan(running, v1::EnableRootRequest(), {before.enabled},
                                         CredentialDigest(running.ctx(), before.id)));
        const Secret password =
            request.password().empty() ? RandomPassword() : Secret(request.password());
        ASSIGN_OR_RETURN(const datastore::RootState state, admin->Enable(running.ctx(), password));
        KillPoint("user.enable_root.item");
        *response.mutable_state() = RootToProto(state);
        response.set_password(std::string(password.Reveal()));
        return Ok();
      },
      /*secret_answer=*/true);
}

Status Users::RecoverEnableRoot(operations::Running& running, const internal::MutationPlan& plan) {
  ASSIGN_OR_RETURN(datastore::RootAdmin* const admin, Root());
  if (!plan.existed(0)) {
    RETURN_IF_ERROR(admin->Disable(running.ctx()).status());
    return Error(Code::kAborted, "INTERRUPTED",
                 "the agent was stopped while root was enabled; root is disabled again")
        .WithHint("repeat the call");
  }
  ASSIGN_OR_RETURN(const datastore::RootState state, admin->State(running.ctx()));
  const bool changed = CredentialDigest(running.ctx(), state.id) != plan.credential_digest();
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while root's password was changed; {}",
               changed ? "it was changed, and nobody was told the new one" : "it was not changed")
      .WithHint("repeat the call");
}

Result<v1::RootState> Users::DisableRoot(const Call& call, const v1::DisableRootRequest& request) {
  ASSIGN_OR_RETURN(datastore::RootAdmin* const admin, Root());
  return RunMutation<v1::DisableRootRequest, v1::RootState>(
      context_, call, "user.disable_root", {"root"}, request,
      [&](operations::Running& running, v1::RootState& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        ASSIGN_OR_RETURN(const datastore::RootState state, admin->Disable(running.ctx()));
        KillPoint("user.disable_root.item");
        response = RootToProto(state);
        return Ok();
      });
}

Result<v1::RootState> Users::GetRootState(const Call& call) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::RootAdmin* const admin, Root());
  ASSIGN_OR_RETURN(const datastore::RootState state, admin->State(call.Reading()));
  return RootToProto(state);
}

void Users::RegisterGrantRecovery() {
  using operations::Running;
  operations::Operations& operations = context_.operations;
  OnRecoverRequest<v1::GrantRequest>(
      operations, "user.grant",
      [this](Running& running, const internal::MutationPlan&,
             const v1::GrantRequest& request) -> Status {
        v1::GrantResponse response;
        RETURN_IF_ERROR(ChangeGrants(running.ctx(), request, true, true, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
  OnRecoverRequest<v1::RevokeRequest>(
      operations, "user.revoke",
      [this](Running& running, const internal::MutationPlan&,
             const v1::RevokeRequest& request) -> Status {
        v1::RevokeResponse response;
        RETURN_IF_ERROR(ChangeGrants(running.ctx(), request, false, true, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
  OnRecoverRequest<v1::EnableRootRequest>(
      operations, "user.enable_root",
      [this](Running& running, const internal::MutationPlan& plan, const v1::EnableRootRequest&) {
        return RecoverEnableRoot(running, plan);
      });
  OnRecoverRequest<v1::DisableRootRequest>(
      operations, "user.disable_root",
      [this](Running& running, const internal::MutationPlan&,
             const v1::DisableRootRequest&) -> Status {
        ASSIGN_OR_RETURN(datastore::RootAdmin* const admin, Root());
        ASSIGN_OR_RETURN(const datastore::RootState state, admin->Disable(running.ctx()));
        running.SetResult(Serialise(RootToProto(state)));
        return Ok();
      });
}

}  // namespace dbagent::workflows
