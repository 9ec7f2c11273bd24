#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/base/kill_point.h"
#include "agent/operations/operations.h"
#include "agent/workflows/context.h"
#include "agent/workflows/translate.h"
#include "dbagent/internal/plan.pb.h"

// What the quick mutations (databases, users, grants, root) share.
namespace dbagent::workflows {

constexpr int kLargestBatch = 1000;

// BATCH_SIZE_INVALID unless 1 to 1000 items.
Status CheckBatch(int items, std::string_view what);

// The same bytes for the same request, whatever the process.
std::string Serialise(const google::protobuf::MessageLite& message);

// DATA_LOSS when the journal holds what cannot be read.
template <typename Message>
Result<Message> Parse(const std::string& bytes) {
  Message message;
  if (message.ParseFromString(bytes)) return message;
  return Error(Code::kDataLoss, "JOURNAL_CORRUPT",
               "unable to read an operation's plan in the journal");
}

// Runs `body` as a quick operation and answers its response; a repeated request is answered from
// the journal.
template <typename Request, typename Response>
Result<Response> RunMutation(const Context& context, const Call& call, std::string kind,
                             std::vector<std::string> targets, const Request& request,
                             const std::function<Status(operations::Running&, Response&)>& body,
                             bool secret_answer = false) {
  RETURN_IF_ERROR(RequirePrepared(context.volume));
  Response response;
  operations::Spec spec{std::move(kind), std::move(targets), call.caller, request.request_id(),
                        Serialise(request)};
  const Result<operations::Record> record =
      context.operations.RunQuick(spec, call.deadline, [&](operations::Running& running) -> Status {
        RETURN_IF_ERROR(body(running, response));
        running.SetResult(Serialise(response), secret_answer);
        return Ok();
      });
  Wipe(spec.request);  // it may hold passwords
  if (!record.ok()) return record.status();
  if (!secret_answer) {
    ASSIGN_OR_RETURN(response, Parse<Response>(record->result));
  }
  if constexpr (requires { response.set_operation_id(record->id); })
    response.set_operation_id(record->id);
  return response;
}

// What recovery answers for an operation that was killed before it wrote a plan: nothing was done.
Status NotBegun(const operations::Running& running);
// The same for one that is harmless to repeat, and was not undone.
Status NotFinished(const operations::Running& running);

// Journals the request (its passwords taken out by the caller) with what was there before.
Status SaveMutationPlan(operations::Running& running, const google::protobuf::MessageLite& request,
                        const std::vector<bool>& existed = {},
                        const std::string& credential_digest = {});

// Registers recovery of a kind whose plan is a MutationPlan around a Request.
template <typename Request>
void OnRecoverRequest(
    operations::Operations& operations, const std::string& kind,
    std::function<Status(operations::Running&, const internal::MutationPlan&, const Request&)>
        body) {
  operations.OnRecover(kind, [body = std::move(body)](operations::Running& running) -> Status {
    if (running.plan().empty()) return NotBegun(running);
    ASSIGN_OR_RETURN(const internal::MutationPlan plan,
                     Parse<internal::MutationPlan>(running.plan()));
    ASSIGN_OR_RETURN(const Request request, Parse<Request>(plan.request()));
    return body(running, plan, request);
  });
}

// One item of a batch: its outcome stands in the response. Answers an error only when the whole
// batch should end here: the server is gone before anything was done (`nothing_done`), or, in
// recovery, whenever trying again later may help.
Status ItemOutcome(const Status& outcome, bool nothing_done, bool recovering);

}  // namespace dbagent::workflows
