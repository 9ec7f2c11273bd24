#include "agent/rpc/services.h"
#include "agent/rpc/watch.h"
#include "agent/workflows/paging.h"
#include "agent/workflows/translate.h"
#include "dbagent/v1/operation.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using OperationWatch = WatchReactor<v1::Operation>;

class OperationServiceImpl : public v1::OperationService::CallbackService {
 public:
  OperationServiceImpl(Gate& gate, operations::Operations& operations)
      : gate_(gate), operations_(operations) {}

  ServerUnaryReactor* Get(CallbackServerContext* context, const v1::GetOperationRequest* request,
                          v1::Operation* response) override {
    return gate_.Unary<v1::GetOperationRequest, v1::Operation>(
        context, "OperationService/Get", request, response,
        [this](const auto&, const auto& r) { return Translate(operations_.Get(r.id())); });
  }
  ServerUnaryReactor* Cancel(CallbackServerContext* context,
                             const v1::CancelOperationRequest* request,
                             v1::Operation* response) override {
    return gate_.Unary<v1::CancelOperationRequest, v1::Operation>(
        context, "OperationService/Cancel", request, response,
        [this](const auto&, const auto& r) { return Translate(operations_.Cancel(r.id())); });
  }
  ServerUnaryReactor* Throttle(CallbackServerContext* context,
                               const v1::ThrottleOperationRequest* request,
                               v1::Operation* response) override {
    return gate_.Unary<v1::ThrottleOperationRequest, v1::Operation>(
        context, "OperationService/Throttle", request, response,
        [this](const auto&, const auto& r) {
          return Translate(operations_.Throttle(r.id(), r.bytes_per_second()));
        });
  }
  ServerUnaryReactor* List(CallbackServerContext* context, const v1::ListOperationsRequest* request,
                           v1::ListOperationsResponse* response) override {
    return gate_.Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>(
        context, "OperationService/List", request, response,
        [this](const auto&, const auto& r) { return ListPage(r); });
  }

  grpc::ServerWriteReactor<v1::Operation>* Watch(
      CallbackServerContext* context, const v1::WatchOperationRequest* request) override {
    workflows::Call call;
    Result<std::shared_ptr<Gate::Place>> place =
        gate_.Enter(*context, "OperationService/Watch", call);
    const Status refused = place.ok() ? Ok() : place.status();
    const auto read = [this, refused, id = request->id()]() -> Result<OperationWatch::Reading> {
      RETURN_IF_ERROR(refused);
      ASSIGN_OR_RETURN(const operations::Record record, operations_.Get(id));
      return OperationWatch::Reading{workflows::ToProto(record),
                                     operations::HasEnded(record.state)};
    };
    OperationWatch* reactor = OperationWatch::Make(
        gate_, "OperationService/Watch", place.ok() ? *place : nullptr, read, std::nullopt);
    reactor->Begin([this, id = request->id()](std::function<void()> changed) {
      return operations_.Subscribe(id, std::move(changed));
    });
    return reactor;
  }

 private:
  static Result<v1::Operation> Translate(const Result<operations::Record>& record) {
    if (!record.ok()) return record.status();
    return workflows::ToProto(*record);
  }

  Result<v1::ListOperationsResponse> ListPage(const v1::ListOperationsRequest& request) {
    std::string list = "operations/" + request.kind();
    operations::ListFilter filter;
    filter.kind = request.kind();
    for (const int state : request.states()) {
      filter.states.push_back(workflows::FromProto(static_cast<v1::OperationState>(state)));
      list += fmt::format("/{}", state);
    }
    ASSIGN_OR_RETURN(const workflows::PageAsked page,
                     workflows::ReadPage(operations_, request.page(), list));
    filter.limit = page.limit + 1;  // one more tells whether there are more
    filter.before = page.after.value_or("");
    ASSIGN_OR_RETURN(std::vector<operations::Record> records, operations_.List(filter));
    v1::ListOperationsResponse response;
    if (records.size() > page.limit) {
      records.resize(page.limit);
      response.mutable_page()->set_next_page_token(
          workflows::MakePageToken(operations_, list, records.back().id));
    }
    for (const operations::Record& record : records)
      *response.add_operations() = workflows::ToProto(record);
    return response;
  }

  Gate& gate_;
  operations::Operations& operations_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeOperationService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<OperationServiceImpl>(gate, workflows.context.operations);
}

}  // namespace dbagent::rpc
