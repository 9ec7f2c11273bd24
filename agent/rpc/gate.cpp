#include "agent/rpc/gate.h"

#include <thread>

#include "agent/telemetry/log.h"
#include "agent/telemetry/metrics.h"

namespace dbagent::rpc {

Result<std::shared_ptr<Gate::Place>> Gate::Enter(const grpc::CallbackServerContext& context,
                                                 std::string_view method, workflows::Call& call) {
  auto place = std::make_shared<Place>(calls_);
  const bool mutating = config::FindMethod(method)->mutating;
  const auto auth = context.auth_context();
  const Result<Caller> caller = access_.Identify(context.peer(), auth.get());
  if (!caller.ok()) {
    if (mutating) Audit(method, context.peer(), caller.status(), {});
    return caller.status();
  }
  call.caller = caller->name;
  if (Status allowed = access_.Allow(*caller, method); !allowed.ok()) {
    if (mutating) Audit(method, call.caller, allowed, {});
    return allowed;
  }
  if (closed_)
    return Error(Code::kUnavailable, "AGENT_STOPPING", "the agent is stopping").AsRetryable();
  const config::Limits limits = settings_.Get()->limits;
  if (calls_ > limits.calls_at_once) {
    return Error(Code::kResourceExhausted, "TOO_BUSY", "{} calls are running, the limit",
                 limits.calls_at_once)
        .WithHint("repeat the call a little later, or raise limits.calls_at_once")
        .AsRetryable();
  }
  const auto deadline = context.deadline();
  const auto now = std::chrono::system_clock::now();
  const bool has_deadline = deadline < now + std::chrono::hours(24 * 365);
  call.deadline =
      Deadline::After(has_deadline ? std::chrono::ceil<std::chrono::milliseconds>(deadline - now)
                                   : std::chrono::milliseconds(limits.call_timeout));
  return place;
}

void Gate::Close(std::chrono::milliseconds budget) {
  closed_ = true;
  const Deadline deadline = Deadline::After(budget);
  while (unary_calls_ > 0 && !deadline.expired())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void Gate::Count(std::string_view method, const Status& outcome) {
  telemetry::metrics().rpc_calls.Add(1, {method, CodeName(outcome.code())});
}

void Gate::Audit(std::string_view method, const std::string& caller, const Status& outcome,
                 const std::string& operation_id) {
  telemetry::Fields fields = {{"caller", caller},
                              {"method", std::string(method)},
                              {"outcome", outcome.ok() ? "OK" : outcome.reason()}};
  if (!operation_id.empty()) fields.emplace_back("operation", operation_id);
  if (!outcome.ok()) fields.emplace_back("error", outcome.FullMessage());
  telemetry::Log(telemetry::Level::kInfo, "audit", fmt::format("{} called {}", caller, method),
                 std::move(fields));
}

}  // namespace dbagent::rpc
