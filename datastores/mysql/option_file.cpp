#include "datastores/mysql/option_file.h"

#include <algorithm>

namespace dbagent::datastore::mysql {
namespace {

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.,-+*:=/").find(c) != std::string_view::npos;
}

// Nothing else is a name, whoever wrote it: `x = 1 # ` would be another option.
bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

}  // namespace

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; });
}

std::string OptionValue(std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), IsPlain)) return std::string(value);
  // in quotes a value is kept as it is but for backslashes and the quote itself
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

Result<std::string> OptionFileText(const Dialect& dialect, std::string_view header,
                                   const Values& values) {
  std::string text(header);
  text += "\n[mysqld]\n";
  for (const auto& [name, value] : values) {
    const std::string line = dialect.OptionOf(name) + " = " + OptionValue(value);
    if (!IsName(name) || HasControlCharacter(line) || line.size() > kLongestOptionLine) {
      return Error(
          Code::kInvalidArgument, "CONFIGURATION_INVALID",
          "unable to configure the server: no option file can hold parameter '{}' and its value",
          name);
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace dbagent::datastore::mysql
