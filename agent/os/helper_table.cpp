#include "agent/os/helper_table.h"

#include <charconv>
#include <sstream>

namespace dbagent::os {
namespace {

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\')
      out += "\\\\";
    else
      out += c;
  }
  return out;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size())
      out += text[++i] == 'n' ? '\n' : text[i];
    else
      out += text[i];
  }
  return out;
}

constexpr std::pair<ParameterKind, std::string_view> kKinds[] = {
    {ParameterKind::kGeneration, "generation"},
    {ParameterKind::kText, "text"},
    {ParameterKind::kNumber, "number"}};

class Writer {
 public:
  void Line(std::string_view key, std::string_view value) {
    text_ += fmt::format("{} {}\n", key, Escape(value));
  }
  void Program(const ToolDefinition& tool) {
    Line("program", tool.program);
    for (const std::string& argument : tool.arguments) Line("argument", argument);
    for (const auto& [name, kind] : tool.parameters) {
      for (const auto& [each, word] : kKinds)
        if (each == kind) Line("parameter", fmt::format("{} {}", word, name));
    }
    for (const auto& [name, value] : tool.environment)
      Line("environment", fmt::format("{}={}", name, value));
  }
  void Instance(std::string_view name, const HelperTable::Instance& instance) {
    Line("instance", name);
    Line("volume", instance.volume.native());
    Line("runtime_directory", instance.runtime_directory.native());
    for (const ToolDefinition& tool : instance.table.tools) {
      if (tool.run_as != RunAs::kServer) continue;
      Line("tool", tool.name);
      Program(tool);
    }
    const ServerDefinition& server = instance.table.server;
    Line("server", server.command.name);
    Program(server.command);
    Line("log_file", server.log_file.native());
    Line("pid_file", server.pid_file.native());
    Line("stop_signal", std::to_string(server.stop_signal));
    Line("kill_signal", std::to_string(server.kill_signal));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

class TableReader {
 public:
  Status Read(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      const std::size_t space = line.find(' ');
      const bool known = space != std::string::npos &&
                         Take(line.substr(0, space), Unescape(line.substr(space + 1)));
      if (!known) {
        return Error(Code::kFailedPrecondition, "TABLE_INVALID",
                     "unable to read the table of tools: line {} ('{}') is none of it", number,
                     line.substr(0, 80))
            .WithHint("`dbagentd --write-tool-table` of the same version makes it");
      }
    }
    if (!table_.agent_user.empty() && !table_.server_user.empty() && IsWhole(table_.main) &&
        IsWhole(table_.scratch))
      return Ok();
    return Error(Code::kFailedPrecondition, "TABLE_INVALID",
                 "unable to read the table of tools: it has not all that it must have");
  }
  HelperTable Get() { return std::move(table_); }

 private:
  bool Take(const std::string& key, std::string value) {
    if (key == "agent_user") return Set(table_.agent_user, value);
    if (key == "server_user") return Set(table_.server_user, value);
    if (key == "unit") return Set(table_.unit, value);
    if (key == "scratch_nice") return SetNumber(table_.scratch_nice, value);
    if (key == "instance") {
      instance_ = value == "main" ? &table_.main : value == "scratch" ? &table_.scratch : nullptr;
      tool_ = nullptr;
      return instance_ != nullptr;
    }
    return instance_ != nullptr && TakeOfInstance(key, value);
  }

  bool TakeOfInstance(const std::string& key, std::string& value) {
    ServerDefinition& server = instance_->table.server;
    if (key == "volume") return SetPath(instance_->volume, value);
    if (key == "runtime_directory") return SetPath(instance_->runtime_directory, value);
    if (key == "log_file") return Set(server.log_file, value);
    if (key == "pid_file") return Set(server.pid_file, value);
    if (key == "stop_signal") return SetNumber(server.stop_signal, value);
    if (key == "kill_signal") return SetNumber(server.kill_signal, value);
    if (key == "tool") {
      tool_ = &instance_->table.tools.emplace_back();
      return Set(tool_->name, value);
    }
    if (key == "server") {
      tool_ = &server.command;
      return Set(tool_->name, value);
    }
    return tool_ != nullptr && TakeOfTool(key, value);
  }

  bool TakeOfTool(const std::string& key, std::string& value) {
    if (key == "program") return value.starts_with('/') && Set(tool_->program, value);
    if (key == "argument") {
      tool_->arguments.push_back(std::move(value));
      return true;
    }
    if (key == "environment") {
      const std::size_t equals = value.find('=');
      return equals != std::string::npos &&
             tool_->environment.emplace(value.substr(0, equals), value.substr(equals + 1)).second;
    }
    if (key != "parameter") return false;
    for (const auto& [kind, word] : kKinds) {
      if (value.starts_with(std::string(word) + " "))
        return tool_->parameters.emplace(value.substr(word.size() + 1), kind).second;
    }
    return false;
  }

  static bool IsWhole(const HelperTable::Instance& instance) {
    for (const ToolDefinition& tool : instance.table.tools)
      if (tool.program.empty()) return false;
    return !instance.volume.empty() && !instance.runtime_directory.empty() &&
           !instance.table.server.command.program.empty();
  }

  template <typename T>
  static bool Set(T& out, const std::string& value) {
    out = value;
    return true;
  }
  static bool SetPath(Path& out, const std::string& value) {
    return value.starts_with('/') && Set(out, value);
  }
  static bool SetNumber(int& out, const std::string& value) {
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, out);
    return error == std::errc() && stop == end;
  }

  HelperTable table_;
  HelperTable::Instance* instance_ = nullptr;
  ToolDefinition* tool_ = nullptr;
};

}  // namespace

std::string FormatHelperTable(const HelperTable& table) {
  Writer writer;
  writer.Line("agent_user", table.agent_user);
  writer.Line("server_user", table.server_user);
  writer.Line("unit", table.unit);
  writer.Line("scratch_nice", std::to_string(table.scratch_nice));
  writer.Instance("main", table.main);
  writer.Instance("scratch", table.scratch);
  return writer.Take();
}

Result<HelperTable> ParseHelperTable(const std::string& text) {
  TableReader reader;
  RETURN_IF_ERROR(reader.Read(text));
  return reader.Get();
}

// FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
std::string HelperTableVersion(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return fmt::format("{}-{:016x}", DBAGENT_VERSION, hash);
}

}  // namespace dbagent::os
