#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "agent/config/methods.h"
#include "agent/operations/thread_pool.h"
#include "agent/rpc/access.h"
#include "agent/rpc/status.h"
#include "agent/rpc/wipe.h"
#include "agent/workflows/context.h"

namespace dbagent::rpc {

// What every call passes: who is it, may it, is there room; then to the pool, the answer, the audit
// line. Threads: any; handlers never block.
class Gate {
 public:
  Gate(const config::LiveSettings& settings, Access& access, operations::ThreadPool& pool)
      : settings_(settings), access_(access), pool_(pool) {}

  // Ends the room that a call takes.
  class Place {
   public:
    explicit Place(std::atomic<std::uint32_t>& calls) : calls_(&calls) { ++*calls_; }
    Place(Place&& other) noexcept : calls_(std::exchange(other.calls_, nullptr)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (calls_ != nullptr) --*calls_;
    }

   private:
    std::atomic<std::uint32_t>* calls_;
  };

  // Also takes a place; the caller keeps it as long as the call lives. A refused mutating call is
  // audited.
  Result<std::shared_ptr<Place>> Enter(const grpc::CallbackServerContext& context,
                                       std::string_view method, workflows::Call& call);
  Status Post(std::function<void()> job) { return pool_.Post(std::move(job)); }
  // No new calls from now on (AGENT_STOPPING); waits for the unary ones, at most `budget`. Streams
  // are the caller's to cut.
  void Close(std::chrono::milliseconds budget);
  // Writes the audit line of a mutating call.
  static void Audit(std::string_view method, const std::string& caller, const Status& outcome,
                    const std::string& operation_id);

  // Counts a call that has ended; Unary does it by itself.
  static void Count(std::string_view method, const Status& outcome);

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Unary(
      grpc::CallbackServerContext* context, std::string_view method, const Request* request,
      Response* response,
      std::function<Result<Response>(const workflows::Call&, const Request&)> run);

 private:
  const config::LiveSettings& settings_;
  Access& access_;
  operations::ThreadPool& pool_;
  std::atomic<std::uint32_t> calls_ = 0;
  std::atomic<std::uint32_t> unary_calls_ = 0;
  std::atomic<bool> closed_ = false;
};

// A unary call on its way; deletes itself when gRPC is done with it.
class UnaryReactor : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryReactor(std::shared_ptr<StopSwitch> stop) : stop_(std::move(stop)) {}
  void OnDone() override { delete this; }
  void OnCancel() override { stop_->RequestStop(StopReason::kCancelled); }

 private:
  std::shared_ptr<StopSwitch> stop_;
};

// The operation that an answer speaks of, for the audit line.
template <typename Response>
std::string OperationOf(const Response& response) {
  if constexpr (requires { response.operation_id(); }) return response.operation_id();
  if constexpr (requires { response.operation().id(); }) return response.operation().id();
  if constexpr (requires { response.cancellable(); }) return response.id();
  return {};
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* Gate::Unary(
    grpc::CallbackServerContext* context, std::string_view method, const Request* request,
    Response* response,
    std::function<Result<Response>(const workflows::Call&, const Request&)> run) {
  workflows::Call call;
  call.stop = std::make_shared<StopSwitch>();
  auto* reactor = new UnaryReactor(call.stop);
  Result<std::shared_ptr<Place>> place = Enter(*context, method, call);
  if (!place.ok()) {
    Count(method, place.status());
    reactor->Finish(ToGrpc(place.status()));
    return reactor;
  }
  const Status posted = Post([=, this, place = *place,
                              unary = std::make_shared<Place>(unary_calls_), run = std::move(run)] {
    Result<Response> answer = run(call, *request);
    WipeSecrets(*const_cast<Request*>(request));  // gRPC keeps the message until the call is done
    if (config::FindMethod(method)->mutating) {
      Audit(method, call.caller, answer.status(),
            answer.ok() ? OperationOf(*answer) : std::string());
    }
    Count(method, answer.status());
    if (answer.ok()) *response = *std::move(answer);
    reactor->Finish(ToGrpc(answer.status()));
  });
  if (!posted.ok()) {
    Count(method, posted);
    reactor->Finish(ToGrpc(posted));
  }
  return reactor;
}

}  // namespace dbagent::rpc
