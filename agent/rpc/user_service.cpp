#include "agent/rpc/services.h"
#include "agent/workflows/users.h"
#include "dbagent/v1/user.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class UserServiceImpl : public v1::UserService::CallbackService {
 public:
  UserServiceImpl(Gate& gate, workflows::Users& users) : gate_(gate), users_(users) {}

  ServerUnaryReactor* Create(CallbackServerContext* context, const v1::CreateUsersRequest* request,
                             v1::CreateUsersResponse* response) override {
    return gate_.Unary<v1::CreateUsersRequest, v1::CreateUsersResponse>(
        context, "UserService/Create", request, response,
        [this](const auto& call, const auto& r) { return users_.Create(call, r); });
  }
  ServerUnaryReactor* List(CallbackServerContext* context, const v1::ListUsersRequest* request,
                           v1::ListUsersResponse* response) override {
    return gate_.Unary<v1::ListUsersRequest, v1::ListUsersResponse>(
        context, "UserService/List", request, response,
        [this](const auto& call, const auto& r) { return users_.List(call, r); });
  }
  ServerUnaryReactor* Get(CallbackServerContext* context, const v1::GetUserRequest* request,
                          v1::User* response) override {
    return gate_.Unary<v1::GetUserRequest, v1::User>(
        context, "UserService/Get", request, response,
        [this](const auto& call, const auto& r) { return users_.Get(call, r); });
  }
  ServerUnaryReactor* Update(CallbackServerContext* context, const v1::UpdateUserRequest* request,
                             v1::User* response) override {
    return gate_.Unary<v1::UpdateUserRequest, v1::User>(
        context, "UserService/Update", request, response,
        [this](const auto& call, const auto& r) { return users_.Update(call, r); });
  }
  ServerUnaryReactor* Delete(CallbackServerContext* context, const v1::DeleteUsersRequest* request,
                             v1::DeleteUsersResponse* response) override {
    return gate_.Unary<v1::DeleteUsersRequest, v1::DeleteUsersResponse>(
        context, "UserService/Delete", request, response,
        [this](const auto& call, const auto& r) { return users_.Delete(call, r); });
  }
  ServerUnaryReactor* Grant(CallbackServerContext* context, const v1::GrantRequest* request,
                            v1::GrantResponse* response) override {
    return gate_.Unary<v1::GrantRequest, v1::GrantResponse>(
        context, "UserService/Grant", request, response,
        [this](const auto& call, const auto& r) { return users_.Grant(call, r); });
  }
  ServerUnaryReactor* Revoke(CallbackServerContext* context, const v1::RevokeRequest* request,
                             v1::RevokeResponse* response) override {
    return gate_.Unary<v1::RevokeRequest, v1::RevokeResponse>(
        context, "UserService/Revoke", request, response,
        [this](const auto& call, const auto& r) { return users_.Revoke(call, r); });
  }
  ServerUnaryReactor* ListGrants(CallbackServerContext* context,
                                 const v1::ListGrantsRequest* request,
                                 v1::ListGrantsResponse* response) override {
    return gate_.Unary<v1::ListGrantsRequest, v1::ListGrantsResponse>(
        context, "UserService/ListGrants", request, response,
        [this](const auto& call, const auto& r) { return users_.ListGrants(call, r); });
  }
  ServerUnaryReactor* EnableRoot(CallbackServerContext* context,
                                 const v1::EnableRootRequest* request,
                                 v1::EnableRootResponse* response) override {
    return gate_.Unary<v1::EnableRootRequest, v1::EnableRootResponse>(
        context, "UserService/EnableRoot", request, response,
        [this](const auto& call, const auto& r) { return users_.EnableRoot(call, r); });
  }
  ServerUnaryReactor* DisableRoot(CallbackServerContext* context,
                                  const v1::DisableRootRequest* request,
                                  v1::RootState* response) override {
    return gate_.Unary<v1::DisableRootRequest, v1::RootState>(
        context, "UserService/DisableRoot", request, response,
        [this](const auto& call, const auto& r) { return users_.DisableRoot(call, r); });
  }
  ServerUnaryReactor* GetRootState(CallbackServerContext* context,
                                   const google::protobuf::Empty* request,
                                   v1::RootState* response) override {
    return gate_.Unary<google::protobuf::Empty, v1::RootState>(
        context, "UserService/GetRootState", request, response,
        [this](const auto& call, const auto&) { return users_.GetRootState(call); });
  }

 private:
  Gate& gate_;
  workflows::Users& users_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeUserService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<UserServiceImpl>(gate, workflows.users);
}

}  // namespace dbagent::rpc
