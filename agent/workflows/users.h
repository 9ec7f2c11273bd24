#pragma once

#include "agent/workflows/context.h"
#include "dbagent/internal/plan.pb.h"
#include "dbagent/v1/user.pb.h"

namespace dbagent::workflows {

// UserService (its comments in proto/dbagent/v1/user.proto are the contract). Threads: any; calls
// block.
//
// What a killed agent leaves is finished where the journal says all that is needed (delete, grant,
// revoke, disable root, changes without a password), and undone where a password is missing in it
// (create, enable root). A password change is one statement on the server: a keyed digest of the
// stored hash, journalled before, tells whether it took place.
class Users {
 public:
  explicit Users(const Context& context) : context_(context) {}
  void RegisterRecovery();

  Result<v1::CreateUsersResponse> Create(const Call& call, const v1::CreateUsersRequest& request);
  Result<v1::ListUsersResponse> List(const Call& call, const v1::ListUsersRequest& request);
  Result<v1::User> Get(const Call& call, const v1::GetUserRequest& request);
  Result<v1::User> Update(const Call& call, const v1::UpdateUserRequest& request);
  Result<v1::DeleteUsersResponse> Delete(const Call& call, const v1::DeleteUsersRequest& request);
  Result<v1::GrantResponse> Grant(const Call& call, const v1::GrantRequest& request);
  Result<v1::RevokeResponse> Revoke(const Call& call, const v1::RevokeRequest& request);
  Result<v1::ListGrantsResponse> ListGrants(const Call& call, const v1::ListGrantsRequest& request);
  Result<v1::EnableRootResponse> EnableRoot(const Call& call, const v1::EnableRootRequest& request);
  Result<v1::RootState> DisableRoot(const Call& call, const v1::DisableRootRequest& request);
  Result<v1::RootState> GetRootState(const Call& call);

  // The items of a create; also a part of Prepare.
  Status CreateAll(const OpContext& ctx,
                   const google::protobuf::RepeatedPtrField<v1::NewUser>& users,
                   v1::CreateUsersResponse& response);
  // Only the grants of users that exist.
  Status GrantAll(const OpContext& ctx,
                  const google::protobuf::RepeatedPtrField<v1::NewUser>& users);
  // What can be checked of a new user without a server.
  Status Check(const v1::NewUser& user) const;

 private:
  bool mysql() const { return context_.datastore.info().kind == "mysql"; }
  Result<datastore::UserAdmin*> Admin() const;
  Result<datastore::GrantAdmin*> Grants() const;
  Result<datastore::RootAdmin*> Root() const;
  Status GrantOne(const OpContext& ctx, const v1::NewUser& user);
  Result<datastore::UserInfo> CreateOne(const OpContext& ctx, const v1::NewUser& user);
  Result<datastore::UserChange> ReadChange(const v1::UpdateUserRequest& request) const;
  Status DeleteAll(const OpContext& ctx, const v1::DeleteUsersRequest& request, bool recovering,
                   v1::DeleteUsersResponse& response);
  template <typename Request, typename Response>
  Status ChangeGrants(const OpContext& ctx, const Request& request, bool grant, bool recovering,
                      Response& response);
  Status RecoverCreate(operations::Running& running, const std::vector<bool>& existed,
                       const v1::CreateUsersRequest& request);
  Status RecoverUpdate(operations::Running& running, const std::string& digest,
                       const v1::UpdateUserRequest& request);
  void RegisterGrantRecovery();
  Status RecoverEnableRoot(operations::Running& running, const internal::MutationPlan& plan);
  std::string CredentialDigest(const OpContext& ctx, const datastore::UserId& id);

  const Context& context_;
};

}  // namespace dbagent::workflows
