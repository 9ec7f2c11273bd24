#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/status.h"

// Structured events. One event is a level, a dotted name (`backup.chunk_stored`), a sentence for
// people, and fields. They go to the systemd journal natively when stderr is connected to it, else
// as one line each to stderr:
//   2026-11-23T15:30:12.345Z info backup.finished backup of 'shop' finished backup=… bytes=…
// Everything is redacted (base/redact.h) on the way. Error: someone must act; warning: degraded and
// healing; info: state changes; debug: the rest. An error is logged once, where it is handled.
namespace dbagent::telemetry {

enum class Level : std::uint8_t { kError, kWarning, kInfo, kDebug };

using Field = std::pair<std::string, std::string>;
using Fields = std::vector<Field>;

struct Event {
  Level level = Level::kInfo;
  std::string name;
  std::string text;
  Fields fields;
};

// Threads: any. Set once at start; tests may take the events instead.
void SetLogLevel(Level least_severe);
void SetLogSink(std::function<void(const Event&)> sink);  // nullptr: back to stderr or the journal

void Log(Level level, std::string_view name, std::string_view text, Fields fields = {});
inline void LogInfo(std::string_view name, std::string_view text, Fields fields = {}) {
  Log(Level::kInfo, name, text, std::move(fields));
}
inline void LogWarning(std::string_view name, std::string_view text, Fields fields = {}) {
  Log(Level::kWarning, name, text, std::move(fields));
}
inline void LogDebug(std::string_view name, std::string_view text, Fields fields = {}) {
  Log(Level::kDebug, name, text, std::move(fields));
}
// The error's code, reason, message and hint become fields.
void LogError(std::string_view name, std::string_view text, const Status& error,
              Fields fields = {});

// `error`, `warning`, `info`, `debug`.
std::string_view LevelName(Level level);

}  // namespace dbagent::telemetry
