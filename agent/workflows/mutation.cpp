#include "agent/workflows/mutation.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace dbagent::workflows {

Status CheckBatch(int items, std::string_view what) {
  if (items >= 1 && items <= kLargestBatch) return Ok();
  return Error(Code::kInvalidArgument, "BATCH_SIZE_INVALID", "{} has {} items, 1 to {} are allowed",
               what, items, kLargestBatch)
      .WithHint("send several calls");
}

std::string Serialise(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

Status NotBegun(const operations::Running& running) {
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped before operation '{}' began; nothing was done", running.id())
      .WithHint("repeat the call");
}

Status NotFinished(const operations::Running& running) {
  return Error(Code::kAborted, "INTERRUPTED",
               "the agent was stopped while operation '{}' ran; it was not finished", running.id())
      .WithHint("repeat the call");
}

Status SaveMutationPlan(operations::Running& running, const google::protobuf::MessageLite& request,
                        const std::vector<bool>& existed, const std::string& credential_digest) {
  internal::MutationPlan plan;
  plan.set_begun(true);
  plan.set_request(Serialise(request));
  for (const bool there : existed) plan.add_existed(there);
  plan.set_credential_digest(credential_digest);
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  KillPoint(running.kind() + ".planned");
  return Ok();
}

Status ItemOutcome(const Status& outcome, bool nothing_done, bool recovering) {
  if (outcome.ok() || outcome.code() != Code::kUnavailable) return Ok();
  if (nothing_done || recovering) return outcome;
  return Ok();
}

}  // namespace dbagent::workflows
