#include "agent/stream/tool_stream.h"

#include <csignal>

#include "agent/stream/fd_stream.h"

namespace dbagent::stream {
namespace {
constexpr std::chrono::milliseconds kReapBudget = std::chrono::seconds(10);
}

Status FeedTool(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Source& source) {
  const std::string name = call.name;
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  call.stdin_fd = pipe.read_end.get();
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child, host.RunTool(call));
  pipe.read_end.Reset();
  FdSink input(std::move(pipe.write_end), name);
  Status fed = Pump(ctx, source, input).status();
  if (!fed.ok() && fed.reason() != "PEER_CLOSED") {
    // before its input ends: it must not take a part for the whole
    child->Signal(SIGKILL);
    child->Wait(ctx.ForCleanup(kReapBudget)).status().Ignore("the error that led here counts");
    return fed;
  }
  input.Close();
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *child, name));  // its words tell why it closed the pipe
  return fed;
}

Status DrainTool(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Sink& sink) {
  const std::string name = call.name;
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  call.stdout_fd = pipe.write_end.get();
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child, host.RunTool(call));
  pipe.write_end.Reset();
  FdSource output(std::move(pipe.read_end), name);
  RETURN_IF_ERROR(Pump(ctx, output, sink).status());  // destroying the child ends it
  return os::WaitForSuccess(ctx, *child, name);
}

Status FeedExtract(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call,
                   Source& source) {
  Status fed = FeedTool(ctx, host, std::move(call), source);
  for (const char* reason : {"ARCHIVE_REFUSED", "ARCHIVE_CORRUPT"}) {
    const std::size_t at = fed.message().find(reason);
    if (fed.reason() == "TOOL_FAILED" && at != std::string::npos) {
      return Error(Code::kDataLoss, reason, "{}",
                   fed.message().substr(at + std::string_view(reason).size() + 2))
          .WithHint("the backup was made or altered by something that is not this agent");
    }
  }
  return fed;
}

}  // namespace dbagent::stream
