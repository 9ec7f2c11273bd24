#pragma once

#include <algorithm>
#include <string_view>

#include "agent/os/instance_host.h"
#include "agent/stream/stream.h"

// A tool of the host with a stream at one end. A stop or an error of the stream ends the tool.
// Errors: the stream's, the host's, TOOL_FAILED with the tool's last words.
namespace dbagent::stream {

// Everything of `source` into the tool's standard input.
Status FeedTool(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Source& source);
// Everything that the tool writes to its standard output into `sink`.
Status DrainTool(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Sink& sink);

// A text, for a tool that reads little.
class TextSource : public Source {
 public:
  explicit TextSource(std::string_view text) : text_(text) {}
  Result<std::size_t> Read(const OpContext&, std::span<std::byte> buffer) override {
    const std::size_t count = std::min(buffer.size(), text_.size());
    std::copy_n(AsBytes(text_).begin(), count, buffer.begin());
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;  // its owner outlives this
};

// dbagent-extract (agent/helper/unpack.h) as FeedTool runs it, its ARCHIVE_REFUSED and
// ARCHIVE_CORRUPT (DATA_LOSS) as such.
Status FeedExtract(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call, Source& source);
// The same with `--mark`: goes on where an earlier call that did not come to its end was.
Status FeedMarkedExtract(const OpContext& ctx, os::InstanceHost& host, os::ToolCall call,
                         Source& source);

}  // namespace dbagent::stream
