#include "agent/rpc/services.h"
#include "agent/workflows/keys.h"
#include "dbagent/v1/key.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class KeyServiceImpl : public v1::KeyService::CallbackService {
 public:
  KeyServiceImpl(Gate& gate, workflows::Keys& keys) : gate_(gate), keys_(keys) {}

  ServerUnaryReactor* List(CallbackServerContext* context, const v1::ListKeysRequest* request,
                           v1::ListKeysResponse* response) override {
    return gate_.Unary<v1::ListKeysRequest, v1::ListKeysResponse>(
        context, "KeyService/List", request, response,
        [this](const auto&, const auto&) -> Result<v1::ListKeysResponse> { return keys_.List(); });
  }
  ServerUnaryReactor* Rotate(CallbackServerContext* context, const v1::RotateKeysRequest* request,
                             v1::Operation* response) override {
    return gate_.Unary<v1::RotateKeysRequest, v1::Operation>(
        context, "KeyService/Rotate", request, response,
        [this](const auto& call, const auto& r) { return keys_.Rotate(call, r); });
  }

 private:
  Gate& gate_;
  workflows::Keys& keys_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeKeyService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<KeyServiceImpl>(gate, workflows.keys);
}

}  // namespace dbagent::rpc
