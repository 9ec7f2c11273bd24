#include "agent/rpc/services.h"
#include "agent/workflows/configurations.h"
#include "dbagent/v1/configuration.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using google::protobuf::Empty;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class ConfigurationServiceImpl : public v1::ConfigurationService::CallbackService {
 public:
  ConfigurationServiceImpl(Gate& gate, workflows::Configurations& configurations)
      : gate_(gate), configurations_(configurations) {}

  ServerUnaryReactor* DescribeParameters(CallbackServerContext* context,
                                         const v1::DescribeParametersRequest* request,
                                         v1::DescribeParametersResponse* response) override {
    return gate_.Unary<v1::DescribeParametersRequest, v1::DescribeParametersResponse>(
        context, "ConfigurationService/DescribeParameters", request, response,
        [this](const auto& call, const auto& r) { return configurations_.Describe(call, r); });
  }
  ServerUnaryReactor* Get(CallbackServerContext* context, const Empty* request,
                          v1::Configuration* response) override {
    return gate_.Unary<Empty, v1::Configuration>(
        context, "ConfigurationService/Get", request, response,
        [this](const auto& call, const auto&) { return configurations_.Get(call); });
  }
  ServerUnaryReactor* Apply(CallbackServerContext* context,
                            const v1::ApplyConfigurationRequest* request,
                            v1::ApplyConfigurationResponse* response) override {
    return gate_.Unary<v1::ApplyConfigurationRequest, v1::ApplyConfigurationResponse>(
        context, "ConfigurationService/Apply", request, response,
        [this](const auto& call, const auto& r) { return configurations_.Apply(call, r); });
  }
  ServerUnaryReactor* Rollback(CallbackServerContext* context,
                               const v1::RollbackConfigurationRequest* request,
                               v1::ApplyConfigurationResponse* response) override {
    return gate_.Unary<v1::RollbackConfigurationRequest, v1::ApplyConfigurationResponse>(
        context, "ConfigurationService/Rollback", request, response,
        [this](const auto& call, const auto& r) { return configurations_.Rollback(call, r); });
  }
  ServerUnaryReactor* Resize(CallbackServerContext* context,
                             const v1::ResizeConfigurationRequest* request,
                             v1::ApplyConfigurationResponse* response) override {
    return gate_.Unary<v1::ResizeConfigurationRequest, v1::ApplyConfigurationResponse>(
        context, "ConfigurationService/Resize", request, response,
        [this](const auto& call, const auto& r) { return configurations_.Resize(call, r); });
  }
  ServerUnaryReactor* ListRevisions(CallbackServerContext* context,
                                    const v1::ListRevisionsRequest* request,
                                    v1::ListRevisionsResponse* response) override {
    return gate_.Unary<v1::ListRevisionsRequest, v1::ListRevisionsResponse>(
        context, "ConfigurationService/ListRevisions", request, response,
        [this](const auto&, const auto& r) { return configurations_.List(r); });
  }
  ServerUnaryReactor* GetRevision(CallbackServerContext* context,
                                  const v1::GetRevisionRequest* request,
                                  v1::Revision* response) override {
    return gate_.Unary<v1::GetRevisionRequest, v1::Revision>(
        context, "ConfigurationService/GetRevision", request, response,
        [this](const auto&, const auto& r) { return configurations_.GetRevision(r); });
  }

 private:
  Gate& gate_;
  workflows::Configurations& configurations_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeConfigurationService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<ConfigurationServiceImpl>(gate, workflows.configurations);
}

}  // namespace dbagent::rpc
