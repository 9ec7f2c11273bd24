#include "agent/telemetry/log.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>

#include "agent/base/ids.h"
#include "agent/base/redact.h"

namespace dbagent::telemetry {
namespace {

struct State {
  std::mutex mutex;
  std::function<void(const Event&)> sink;
  std::atomic<Level> level = Level::kInfo;
};

State& TheState() {
  static auto* state = new State;  // outlives every thread that may log
  return *state;
}

// systemd.exec(5): JOURNAL_STREAM is device:inode of the journal's socket; ours only when stderr is
// that very socket.
bool StderrIsJournal() {
  static const bool is_journal = [] {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat info {};
    if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
    return fmt::format("{}:{}", info.st_dev, info.st_ino) == stream;
  }();
  return is_journal;
}

std::string JournalFieldName(std::string_view name) {
  std::string field = "DBAGENT_";
  for (char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    field += plain ? static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c) : '_';
  }
  return field;
}

void WriteToJournal(const Event& event) {
  static constexpr int kSyslogPriority[] = {3, 4, 6, 7};
  std::vector<std::string> lines = {
      "MESSAGE=" + event.text,
      fmt::format("PRIORITY={}", kSyslogPriority[static_cast<std::size_t>(event.level)]),
      "SYSLOG_IDENTIFIER=dbagentd",
      "DBAGENT_EVENT=" + event.name,
  };
  lines.reserve(lines.size() + event.fields.size());
  for (const auto& [name, value] : event.fields)
    lines.push_back(JournalFieldName(name) + "=" + value);
  std::vector<iovec> parts;
  parts.reserve(lines.size());
  for (std::string& line : lines) parts.push_back({line.data(), line.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

// A value on one line: quoted when it holds a space, a quote or a control character.
std::string LogValue(std::string_view value) {
  if (!value.empty() && value.find_first_of(" \"\\\n\r\t=") == std::string_view::npos)
    return std::string(value);
  std::string out = "\"";
  for (char c : value) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

void WriteToStderr(const Event& event) {
  std::string line = fmt::format(
      "{} {} {} {}", FormatTime(std::chrono::system_clock::now()), LevelName(event.level),
      event.name, event.text.find('\n') == std::string::npos ? event.text : LogValue(event.text));
  for (const auto& [name, value] : event.fields)
    line += fmt::format(" {}={}", name, LogValue(value));
  line += '\n';
  // a log that cannot be written has nowhere to be reported
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

std::string_view LevelName(Level level) {
  static constexpr std::string_view kNames[] = {"error", "warning", "info", "debug"};
  return kNames[static_cast<std::size_t>(level)];
}

void SetLogLevel(Level least_severe) {
  TheState().level = least_severe;
}

void SetLogSink(std::function<void(const Event&)> sink) {
  const std::lock_guard lock(TheState().mutex);
  TheState().sink = std::move(sink);
}

void Log(Level level, std::string_view name, std::string_view text, Fields fields) {
  State& state = TheState();
  if (level > state.level.load()) return;
  Event event{level, std::string(name), Redact(text), std::move(fields)};
  for (auto& field : event.fields) field.second = Redact(field.second);
  const std::lock_guard lock(state.mutex);
  if (state.sink) {
    state.sink(event);
  } else if (StderrIsJournal()) {
    WriteToJournal(event);
  } else {
    WriteToStderr(event);
  }
}

void LogError(std::string_view name, std::string_view text, const Status& error, Fields fields) {
  fields.emplace_back("code", CodeName(error.code()));
  fields.emplace_back("reason", error.reason());
  fields.emplace_back("error", error.FullMessage());
  if (!error.hint().empty()) fields.emplace_back("hint", error.hint());
  for (const auto& field : error.metadata()) fields.emplace_back(field);
  Log(Level::kError, name, text, std::move(fields));
}

}  // namespace dbagent::telemetry
