#include "agent/os/tool_command.h"

#include <algorithm>
#include <charconv>

namespace dbagent::os {
namespace {

Status BadParameter(const ToolDefinition& tool, std::string_view parameter,
                    std::string_view cause) {
  return Error(Code::kInvalidArgument, "BAD_TOOL_PARAMETER", "unable to run {}: parameter '{}' {}",
               tool.name, parameter, cause);
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The text that stands in argv for a parameter.
Result<std::string> CheckedValue(const ToolDefinition& tool, const std::string& parameter,
                                 ParameterKind kind, const std::string& value,
                                 const Volume& volume) {
  if (kind == ParameterKind::kText) {
    if (value.find('\0') != std::string::npos) return BadParameter(tool, parameter, "has a NUL");
    return value;
  }
  if (!IsDigits(value)) return BadParameter(tool, parameter, "is no number");
  if (kind == ParameterKind::kNumber) return value;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, volume.Numbers());
  if (error != std::errc() || !std::binary_search(numbers.begin(), numbers.end(), number)) {
    return BadParameter(tool, parameter, "is no generation that there is");
  }
  return volume.generation(number).root.native();
}

// One pass, so that a value that looks like a parameter stays what it is.
std::string Expand(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.front() == '{' ? text.find('}') : std::string_view::npos;
    const auto found = end == std::string_view::npos
                           ? values.end()
                           : values.find(std::string(text.substr(1, end - 1)));
    if (found != values.end()) {
      out += found->second;
      text.remove_prefix(end + 1);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

Result<const ToolDefinition*> FindTool(const std::vector<ToolDefinition>& tools,
                                       std::string_view name) {
  for (const ToolDefinition& tool : tools) {
    if (tool.name == name) return &tool;
  }
  return Error(Code::kInvalidArgument, "UNKNOWN_TOOL",
               "unable to run tool '{}': there is none of this name", name);
}

Result<std::vector<std::string>> ToolArguments(const ToolDefinition& tool,
                                               const std::map<std::string, std::string>& parameters,
                                               const Volume& volume) {
  for (const auto& [name, value] : parameters) {
    if (!tool.parameters.contains(name)) return BadParameter(tool, name, "is not one of its own");
  }
  std::map<std::string, std::string> values;
  for (const auto& [name, kind] : tool.parameters) {
    const auto given = parameters.find(name);
    if (given == parameters.end()) return BadParameter(tool, name, "is missing");
    ASSIGN_OR_RETURN(values[name], CheckedValue(tool, name, kind, given->second, volume));
  }
  std::vector<std::string> arguments;
  arguments.reserve(tool.arguments.size());
  for (const std::string& argument : tool.arguments) arguments.push_back(Expand(argument, values));
  return arguments;
}

}  // namespace dbagent::os
