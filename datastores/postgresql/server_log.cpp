#include "datastores/postgresql/server_log.h"

#include <algorithm>
#include <array>
#include <vector>

#include "agent/base/redact.h"
#include "datastores/log_file.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::uint64_t kMostRead = 256U << 10U;
constexpr std::size_t kMostSaid = 4096, kLastLines = 5;

// From its severity on: `2026-11-27 05:17:05 UTC [9766] LOG:  …`. Empty: it has none.
std::string_view Message(std::string_view line) {
  static constexpr std::array<std::string_view, 7> kSeverities = {
      "FATAL:  ", "PANIC:  ", "ERROR:  ", "LOG:  ", "DETAIL:  ", "HINT:  ", "WARNING:  "};
  std::size_t first = std::string_view::npos;
  for (const std::string_view severity : kSeverities) first = std::min(first, line.find(severity));
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

bool IsError(std::string_view message) {
  if (message.starts_with("FATAL:") || message.starts_with("PANIC:") ||
      message.starts_with("ERROR:"))
    return true;
  if (!message.starts_with("LOG:")) return false;
  // a configuration file is read before anything could fail by it
  static constexpr std::array<std::string_view, 5> kWrong = {"invalid value for parameter",
                                                             "in file \"", "configuration file",
                                                             "could not ", "parameter \""};
  return std::any_of(kWrong.begin(), kWrong.end(), [&](std::string_view mark) {
    return message.find(mark) != std::string_view::npos;
  });
}

bool IsAddition(std::string_view message) {
  return message.starts_with("DETAIL:") || message.starts_with("HINT:");
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string ErrorWords(std::string_view text) {
  const std::string redacted = Redact(text);
  const std::vector<std::string> lines = Lines(redacted);
  std::vector<std::string> said;
  bool of_error = false;
  for (const std::string& line : lines) {
    const std::string_view message = Message(line);
    of_error = IsError(message) || (of_error && IsAddition(message));
    // a server that is started again says it all again
    if (of_error && std::find(said.begin(), said.end(), message) == said.end())
      said.emplace_back(message);
  }
  if (said.empty()) {
    const std::size_t count = std::min(lines.size(), kLastLines);
    said.assign(lines.end() - static_cast<std::ptrdiff_t>(count), lines.end());
  }
  std::string words;
  for (const std::string& line : said) {
    if (words.size() + line.size() > kMostSaid) break;
    words += (words.empty() ? "" : "; ") + line;
  }
  return words;
}

std::string LogWords(const os::Path& log, std::uint64_t from) {
  return ErrorWords(LogSince(log, from, kMostRead));
}

}  // namespace dbagent::datastore::postgresql
