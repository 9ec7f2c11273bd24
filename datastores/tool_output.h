#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/base/op_context.h"
#include "agent/os/instance_host.h"

// What tools that have the server's rights print about its files, which the agent may not be able
// to read itself. Whoever is that OS user, which a tenant can come to be, decides what stands
// there: all of it is bounded, and nothing is taken that has not its form.
namespace dbagent::datastore {

// A tool that lists what is in `directory` and at most `depth` levels below, without following
// links; `directory` may hold parameters. Files may come and go meanwhile; a directory that goes
// just when it is read makes the tool fail.
os::ToolDefinition ListFilesTool(std::string name, std::string directory, unsigned depth,
                                 std::map<std::string, os::ParameterKind> parameters);

struct ListedFile {
  char kind = 'f';  // of find's %y: `f` regular, `d` directory, `l` symbolic link, others
  std::uint64_t bytes = 0;
  std::string name;  // relative to the directory; any bytes but NUL
};

// Runs a tool of ListFilesTool and calls `each` with what it found, in no order; an error of it
// ends the listing. TOOL_FAILED, TOOL_OUTPUT_INVALID (INTERNAL).
Status ForEachFile(const OpContext& ctx, os::InstanceHost& host, const os::ToolCall& call,
                   const std::function<Status(const ListedFile&)>& each);

// A tool that prints `file`, which may hold parameters: for ToolText. Not through a link, and it
// waits for no pipe's writer.
os::ToolDefinition ReadFileTool(std::string name, const std::string& file,
                                std::map<std::string, os::ParameterKind> parameters);

// All that a tool writes to its standard output. TOOL_FAILED; TOOL_OUTPUT_INVALID: more than
// `limit` bytes.
Result<std::string> ToolText(const OpContext& ctx, os::InstanceHost& host, const os::ToolCall& call,
                             std::size_t limit);

}  // namespace dbagent::datastore
