#include "datastores/mysql/error_lines.h"

#include <algorithm>
#include <vector>

#include "agent/base/redact.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::string_view kMark = "[ERROR]";
constexpr std::size_t kMostErrors = 6, kLastLines = 4, kLongest = 2000;

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Without what changes from one try to the next.
std::string_view WithoutTime(std::string_view line) {
  const std::size_t at = line.find(kMark);
  return at == std::string_view::npos ? line : line.substr(at);
}

}  // namespace

bool IsErrorLine(std::string_view line) {
  return line.find(kMark) != std::string_view::npos;
}

std::string ErrorLines(std::string_view output) {
  const std::vector<std::string_view> lines = LinesOf(output);
  std::vector<std::string_view> chosen;
  for (const std::string_view line : lines) {
    const std::string_view text = WithoutTime(line);
    const bool is_new = std::find(chosen.begin(), chosen.end(), text) == chosen.end();
    if (IsErrorLine(line) && is_new && chosen.size() < kMostErrors) chosen.push_back(text);
  }
  if (chosen.empty()) {
    const auto from = lines.size() > kLastLines ? lines.end() - kLastLines : lines.begin();
    chosen.assign(from, lines.end());
  }
  std::string text;
  for (const std::string_view line : chosen) {
    if (!text.empty()) text += "; ";
    text += line;
  }
  text = Redact(text);
  if (text.size() > kLongest) text.resize(kLongest);
  return text.empty() ? "it said nothing" : text;
}

}  // namespace dbagent::datastore::mysql
