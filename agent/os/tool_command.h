#pragma once

#include "agent/base/result.h"
#include "agent/os/instance_host.h"

namespace dbagent::os {

// The tool of that name. UNKNOWN_TOOL.
Result<const ToolDefinition*> FindTool(const std::vector<ToolDefinition>& tools,
                                       std::string_view name);

// The tool's arguments with its parameters filled in, after each was checked: BAD_TOOL_PARAMETER
// (missing, not asked for, not of its kind).
Result<std::vector<std::string>> ToolArguments(const ToolDefinition& tool,
                                               const std::map<std::string, std::string>& parameters,
                                               const Volume& volume);

}  // namespace dbagent::os
