#include "agent/os/unit_environment.h"

#include <string_view>

namespace dbagent::os {
namespace {

std::string Quoted(std::string_view text, std::string_view special) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Assignment(const std::string& name, const std::string& value) {
  return name + "=" + Quoted(value, "\"\\`$") + "\n";
}

}  // namespace

std::string UnitEnvironment(const ToolDefinition& server) {
  std::string text = "# Written by dbagent-helper, for the server's unit.\n";
  for (const auto& [name, value] : server.environment) text += Assignment(name, value);
  std::string words;
  for (const std::string& argument : server.arguments)
    words += (words.empty() ? "" : " ") + Quoted(argument, "\"\\");
  return text + Assignment("SERVER_ARGUMENTS", words);
}

}  // namespace dbagent::os
