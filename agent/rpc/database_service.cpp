#include "agent/rpc/services.h"
#include "agent/workflows/databases.h"
#include "dbagent/v1/database.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class DatabaseServiceImpl : public v1::DatabaseService::CallbackService {
 public:
  DatabaseServiceImpl(Gate& gate, workflows::Databases& databases)
      : gate_(gate), databases_(databases) {}

  ServerUnaryReactor* Create(CallbackServerContext* context,
                             const v1::CreateDatabasesRequest* request,
                             v1::CreateDatabasesResponse* response) override {
    return gate_.Unary<v1::CreateDatabasesRequest, v1::CreateDatabasesResponse>(
        context, "DatabaseService/Create", request, response,
        [this](const auto& call, const auto& r) { return databases_.Create(call, r); });
  }
  ServerUnaryReactor* List(CallbackServerContext* context, const v1::ListDatabasesRequest* request,
                           v1::ListDatabasesResponse* response) override {
    return gate_.Unary<v1::ListDatabasesRequest, v1::ListDatabasesResponse>(
        context, "DatabaseService/List", request, response,
        [this](const auto& call, const auto& r) { return databases_.List(call, r); });
  }
  ServerUnaryReactor* Get(CallbackServerContext* context, const v1::GetDatabaseRequest* request,
                          v1::Database* response) override {
    return gate_.Unary<v1::GetDatabaseRequest, v1::Database>(
        context, "DatabaseService/Get", request, response,
        [this](const auto& call, const auto& r) { return databases_.Get(call, r); });
  }
  ServerUnaryReactor* Update(CallbackServerContext* context,
                             const v1::UpdateDatabaseRequest* request,
                             v1::Database* response) override {
    return gate_.Unary<v1::UpdateDatabaseRequest, v1::Database>(
        context, "DatabaseService/Update", request, response,
        [this](const auto& call, const auto& r) { return databases_.Update(call, r); });
  }
  ServerUnaryReactor* Delete(CallbackServerContext* context,
                             const v1::DeleteDatabasesRequest* request,
                             v1::DeleteDatabasesResponse* response) override {
    return gate_.Unary<v1::DeleteDatabasesRequest, v1::DeleteDatabasesResponse>(
        context, "DatabaseService/Delete", request, response,
        [this](const auto& call, const auto& r) { return databases_.Delete(call, r); });
  }

 private:
  Gate& gate_;
  workflows::Databases& databases_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeDatabaseService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<DatabaseServiceImpl>(gate, workflows.databases);
}

}  // namespace dbagent::rpc
