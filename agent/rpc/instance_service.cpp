#include "agent/rpc/services.h"
#include "agent/rpc/watch.h"
#include "agent/workflows/instance_monitor.h"
#include "agent/workflows/instances.h"
#include "dbagent/v1/instance.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using google::protobuf::Empty;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using InstanceWatch = WatchReactor<v1::Instance>;

class InstanceServiceImpl : public v1::InstanceService::CallbackService {
 public:
  InstanceServiceImpl(Gate& gate, workflows::Instances& instances,
                      workflows::InstanceMonitor& monitor)
      : gate_(gate), instances_(instances), monitor_(monitor) {}

  ServerUnaryReactor* Prepare(CallbackServerContext* context,
                              const v1::PrepareInstanceRequest* request,
                              v1::Operation* response) override {
    return gate_.Unary<v1::PrepareInstanceRequest, v1::Operation>(
        context, "InstanceService/Prepare", request, response,
        [this](const auto& call, const auto& r) { return instances_.Prepare(call, r); });
  }
  ServerUnaryReactor* Get(CallbackServerContext* context, const Empty* request,
                          v1::Instance* response) override {
    return gate_.Unary<Empty, v1::Instance>(
        context, "InstanceService/Get", request, response,
        [this](const auto&, const auto&) -> Result<v1::Instance> { return monitor_.Current(); });
  }
  ServerUnaryReactor* Start(CallbackServerContext* context, const v1::StartInstanceRequest* request,
                            v1::Operation* response) override {
    return gate_.Unary<v1::StartInstanceRequest, v1::Operation>(
        context, "InstanceService/Start", request, response,
        [this](const auto& call, const auto& r) { return instances_.Start(call, r); });
  }
  ServerUnaryReactor* Stop(CallbackServerContext* context, const v1::StopInstanceRequest* request,
                           v1::Operation* response) override {
    return gate_.Unary<v1::StopInstanceRequest, v1::Operation>(
        context, "InstanceService/Stop", request, response,
        [this](const auto& call, const auto& r) { return instances_.Stop(call, r); });
  }
  ServerUnaryReactor* Restart(CallbackServerContext* context,
                              const v1::RestartInstanceRequest* request,
                              v1::Operation* response) override {
    return gate_.Unary<v1::RestartInstanceRequest, v1::Operation>(
        context, "InstanceService/Restart", request, response,
        [this](const auto& call, const auto& r) { return instances_.Restart(call, r); });
  }
  ServerUnaryReactor* GetCapabilities(CallbackServerContext* context, const Empty* request,
                                      v1::Capabilities* response) override {
    return gate_.Unary<Empty, v1::Capabilities>(
        context, "InstanceService/GetCapabilities", request, response,
        [this](const auto&, const auto&) -> Result<v1::Capabilities> {
          return instances_.Capabilities();
        });
  }

  grpc::ServerWriteReactor<v1::Instance>* Watch(CallbackServerContext* context,
                                                const v1::WatchInstanceRequest* request) override {
    workflows::Call call;
    Result<std::shared_ptr<Gate::Place>> place =
        gate_.Enter(*context, "InstanceService/Watch", call);
    Status refused = place.ok() ? Ok() : place.status();
    const std::uint32_t seconds =
        request->heartbeat_seconds() == 0 ? 30 : request->heartbeat_seconds();
    if (refused.ok() && seconds > 3600) {
      refused = Error(Code::kInvalidArgument, "VALUE_INVALID",
                      "heartbeat_seconds is {}, at most 3600 are allowed", seconds);
    }
    const auto read = [this, refused]() -> Result<InstanceWatch::Reading> {
      RETURN_IF_ERROR(refused);
      return InstanceWatch::Reading{monitor_.Current(), false};
    };
    InstanceWatch* reactor =
        InstanceWatch::Make(gate_, "InstanceService/Watch", place.ok() ? *place : nullptr, read,
                            std::chrono::seconds(seconds));
    reactor->Begin([this](std::function<void()> changed) {
      return monitor_.Subscribe([changed = std::move(changed)](v1::InstanceState) { changed(); });
    });
    return reactor;
  }

 private:
  Gate& gate_;
  workflows::Instances& instances_;
  workflows::InstanceMonitor& monitor_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeInstanceService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<InstanceServiceImpl>(gate, workflows.instances,
                                               workflows.context.monitor);
}

}  // namespace dbagent::rpc
