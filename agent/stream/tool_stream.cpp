#include "agent/stream/tool_stream.h"

#include <charconv>
#include <csignal>

#include "agent/stream/fd_stream.h"

namespace dbagent::stream {
namespace {
constexpr std::chrono::milliseconds kReapBudget = std::chrono::seconds(10);
constexpr std::size_t kLongestLine = 32;

// The first line of what the tool says; without its end when the tool says no more.
Result<std::string> ReadLine(const OpContext& ctx, Source& output) {
  std::string line;
  while (line.size() < kLongestLine && !line.ends_with('\n')) {
    std::byte next{};
    ASSIGN_OR_RETURN(const std::size_t got, output.Read(ctx, {&next, 1}));
    if (got == 0) break;
    line += static_cast<char>(next);
  }
  return line;
}

// What `begin` says is left of the source, into `input`.
Status PumpFrom(const OpContext& ctx, const std::string& tool, const std::string& begin,
                Source& source, Sink& input) {
  std::uint64_t bytes = 0;
  const char* const end = begin.data() + begin.size();
  const auto [rest, error] = std::from_chars(begin.data(), end, bytes);
  if (error != std::errc() || std::string_view(rest, end) != "\n")
    return Error(Code::kAborted, "PEER_CLOSED",
                 "unable to feed '{}': it did not say where to begin, but '{}'", tool, begin)
        .WithHint("dbagent-extract must be of the agent's own package; install it again");
  RETURN_IF_ERROR(source.Skip(ctx, bytes));
  return Pump(ctx, source, input).status();
}

// `marked`: the tool says first where the source is to begin.
Status Feed(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Source& source,
            bool marked) {
  const std::string name = call.name;
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  call.stdin_fd = pipe.read_end.get();
  Pipe words;
  if (marked) {
    ASSIGN_OR_RETURN(words, MakePipe());
    call.stdout_fd = words.write_end.get();
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child, host.RunTool(call));
  pipe.read_end.Reset();
  words.write_end.Reset();
  FdSink input(std::move(pipe.write_end), name);
  const auto feed = [&]() -> Status {
    if (!marked) return Pump(ctx, source, input).status();
    FdSource output(std::move(words.read_end), name);
    ASSIGN_OR_RETURN(const std::string begin, ReadLine(ctx, output));
    return PumpFrom(ctx, name, begin, source, input);
  };
  Status fed = feed();
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

}  // namespace

Status FeedTool(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Source& source) {
  return Feed(ctx, host, std::move(call), source, false);
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

namespace {

Status TellExtract(const Status& fed) {
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

}  // namespace

Status FeedExtract(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call,
                   Source& source) {
  return TellExtract(Feed(ctx, host, std::move(call), source, false));
}

Status FeedMarkedExtract(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call,
                         Source& source) {
  return TellExtract(Feed(ctx, host, std::move(call), source, true));
}

}  // namespace dbagent::stream
