#include "datastores/tool_output.h"

#include <charconv>
#include <utility>

#include "agent/base/bytes.h"
#include "agent/stream/tool_stream.h"

namespace dbagent::datastore {
namespace {

constexpr std::size_t kLongestRecord = 8192;  // a path has at most PATH_MAX bytes
constexpr std::string_view kKinds = "fdlpsbcDU";

Status Invalid(const std::string& tool, std::string_view why) {
  return Error(Code::kInternal, "TOOL_OUTPUT_INVALID", "unable to read what {} says: {}", tool,
               why);
}

// `f 123 name`
Result<ListedFile> ParseRecord(const std::string& tool, std::string_view record) {
  ListedFile file;
  const std::size_t space = record.find(' ', 2);
  if (record.size() < 5 || record[1] != ' ' || space == std::string_view::npos ||
      kKinds.find(record[0]) == std::string_view::npos || space + 1 == record.size())
    return Invalid(tool, "a line is not of its form");
  file.kind = record[0];
  const auto [end, error] = std::from_chars(record.data() + 2, record.data() + space, file.bytes);
  if (error != std::errc() || end != record.data() + space)
    return Invalid(tool, "a size is no number");
  file.name = record.substr(space + 1);
  return file;
}

class Records : public stream::Sink {
 public:
  Records(std::string tool, const std::function<Status(const ListedFile&)>& each)
      : tool_(std::move(tool)), each_(each) {}

  Status Write(const OpContext&, Bytes data) override {
    std::string_view text = AsText(data);
    for (std::size_t end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
      RETURN_IF_ERROR(Append(text.substr(0, end)));
      text.remove_prefix(end + 1);
      ASSIGN_OR_RETURN(const ListedFile file, ParseRecord(tool_, record_));
      record_.clear();
      RETURN_IF_ERROR(each_(file));
    }
    return Append(text);
  }
  Status Finish() const { return record_.empty() ? Ok() : Invalid(tool_, "it ends too early"); }

 private:
  Status Append(std::string_view text) {
    if (text.size() > kLongestRecord - record_.size()) return Invalid(tool_, "a line is too long");
    record_ += text;
    return Ok();
  }

  const std::string tool_;
  const std::function<Status(const ListedFile&)>& each_;
  std::string record_;
};

class Text : public stream::Sink {
 public:
  Text(std::string tool, std::size_t limit) : tool_(std::move(tool)), limit_(limit) {}
  Status Write(const OpContext&, Bytes data) override {
    if (data.size() > limit_ - text.size()) {
      return Invalid(tool_, fmt::format("it is longer than {} bytes", limit_));
    }
    text += AsText(data);
    return Ok();
  }
  std::string text;

 private:
  const std::string tool_;
  const std::size_t limit_;
};

}  // namespace

os::ToolDefinition ListFilesTool(std::string name, std::string directory, unsigned depth,
                                 std::map<std::string, os::ParameterKind> parameters) {
  os::ToolDefinition tool;
  tool.name = std::move(name);
  tool.program = "/usr/bin/find";
  tool.arguments = {std::move(directory), "-ignore_readdir_race", "-mindepth", "1",
                    "-maxdepth",          std::to_string(depth),  "-printf",   "%y %s %P\\0"};
  tool.parameters = std::move(parameters);
  tool.environment = {{"LC_ALL", "C"}};
  return tool;
}

Status ForEachFile(const OpContext& ctx, os::InstanceHost& host, const os::ToolCall& call,
                   const std::function<Status(const ListedFile&)>& each) {
  Records records(call.name, each);
  RETURN_IF_ERROR(stream::DrainTool(ctx, host, call, records));
  return records.Finish();
}

os::ToolDefinition ReadFileTool(std::string name, const std::string& file,
                                std::map<std::string, os::ParameterKind> parameters) {
  os::ToolDefinition tool;
  tool.name = std::move(name);
  tool.program = "/usr/bin/dd";
  tool.arguments = {"if=" + file, "iflag=nofollow,nonblock", "bs=65536", "status=none"};
  tool.parameters = std::move(parameters);
  tool.environment = {{"LC_ALL", "C"}};
  return tool;
}

Result<std::string> ToolText(const OpContext& ctx, os::InstanceHost& host, const os::ToolCall& call,
                             std::size_t limit) {
  Text text(call.name, limit);
  RETURN_IF_ERROR(stream::DrainTool(ctx, host, call, text));
  return std::move(text.text);
}

}  // namespace dbagent::datastore
