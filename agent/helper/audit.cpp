#include "agent/helper/audit.h"

#include <syslog.h>

#include <atomic>
#include <cstdio>

#include "agent/base/redact.h"

namespace dbagent::helper {
namespace {

constexpr std::size_t kMostValueBytes = 200;

void Write(int level, const std::string& line) {
  std::fprintf(stderr, "<%d>%s\n", level, line.c_str());  // one call: lines do not mix
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMostValueBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  if (text.size() > kMostValueBytes) out += "...";
  return out + '"';
}

}  // namespace

void AuditVerb(const VerbAudit& audit) {
  if (audit.verb == "server-state" && audit.outcome.ok()) return;
  std::string arguments;
  for (const std::string& argument : audit.arguments)
    arguments += (arguments.empty() ? "" : " ") + argument;
  std::string line = fmt::format(
      "audit instance={} verb={} arguments={} outcome={} milliseconds={}", Quoted(audit.instance),
      Quoted(audit.verb), Quoted(arguments), audit.outcome.ok() ? "ok" : audit.outcome.reason(),
      std::chrono::duration_cast<std::chrono::milliseconds>(audit.span).count());
  if (!audit.outcome.ok()) line += " why=" + Quoted(Redact(audit.outcome.FullMessage()));
  Write(audit.outcome.ok() ? LOG_NOTICE : LOG_WARNING, line);
}

void AuditTurnedAway(const std::string& why) {
  static std::atomic<std::chrono::steady_clock::time_point> last{};
  static std::atomic<std::uint64_t> unsaid{0};
  const auto now = std::chrono::steady_clock::now();
  auto before = last.load();
  ++unsaid;
  if (now - before < std::chrono::seconds(1) && before.time_since_epoch().count() != 0) return;
  if (!last.compare_exchange_strong(before, now)) return;
  Write(LOG_WARNING,
        fmt::format("audit turned away why={} times={}", Quoted(why), unsaid.exchange(0)));
}

void AuditEvent(const os::ServerEvent& event) {
  Write(event.is_error ? LOG_ERR : LOG_NOTICE,
        fmt::format("event name={} text={}", event.name, Quoted(Redact(event.text))));
}

}  // namespace dbagent::helper
