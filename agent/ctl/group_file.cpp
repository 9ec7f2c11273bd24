#include "agent/ctl/group_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

namespace dbagent::ctl {
namespace {

constexpr const char* kBlanks = " \t\r";

Status Usage(int line, const std::string& what) {
  return Error(Code::kInvalidArgument, "USAGE", "line {} of the group: {}", line, what)
      .WithHint("lines are `name = value`; # begins a comment");
}

std::string Trim(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A value and nothing but a comment behind it.
Result<std::string> ReadValue(const std::string& text, int line) {
  if (text.empty() || (text.front() != '\'' && text.front() != '"'))
    return Trim(text.substr(0, text.find('#')));
  const char quote = text.front();
  std::string value;
  std::size_t at = 1;
  for (;; ++at) {
    if (at >= text.size()) return Usage(line, "a quote has no end");
    if (text[at] != quote) {
      value += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == quote) {
      value += text[at++];
    } else {
      break;
    }
  }
  const std::string rest = Trim(text.substr(at + 1));
  if (!rest.empty() && rest.front() != '#') return Usage(line, "text follows a quoted value");
  return value;
}

}  // namespace

Result<Group> ParseGroup(const std::string& text) {
  Group group;
  std::istringstream lines(text);
  int number = 0;
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    const std::string line = Trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const std::size_t equals = line.find('=');
    const std::string name = Trim(line.substr(0, equals));
    if (equals == std::string::npos || name.empty())
      return Usage(number, "it has no name or no `=`");
    ASSIGN_OR_RETURN(std::string value, ReadValue(Trim(line.substr(equals + 1)), number));
    if (!group.emplace(name, std::move(value)).second)
      return Usage(number, fmt::format("'{}' stands twice", name));
  }
  return group;
}

Result<Group> ReadGroupFile(const std::string& path) {
  std::stringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream file(path);
    if (!file) {
      return Error(Code::kInvalidArgument, "USAGE", "unable to read '{}': {}", path,
                   std::strerror(errno));
    }
    text << file.rdbuf();
  }
  return ParseGroup(text.str());
}

std::string ShowGroup(const Group& group) {
  std::string text;
  for (const auto& [name, value] : group) {
    const bool plain = Trim(value) == value && value.find_first_of("#'\"") == std::string::npos;
    std::string shown = value;
    if (!plain) {
      shown = "'";
      for (const char c : value) shown += c == '\'' ? "''" : std::string(1, c);
      shown += "'";
    }
    text += name + " = " + shown + "\n";
  }
  return text;
}

}  // namespace dbagent::ctl
