#include "agent/base/redact.h"

#include <string.h>
#include <strings.h>

#include <array>
#include <map>
#include <mutex>

namespace dbagent {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, int, std::less<>> living;  // value → how many Secrets hold it
};

Registry& TheRegistry() {
  static auto* registry = new Registry;  // never destroyed: static Secrets may outlive it otherwise
  return *registry;
}

constexpr std::string_view kMask = "[secret]";

void ReplaceAll(std::string& text, std::string_view what) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + kMask.size())) {
    text.replace(at, what.size(), kMask);
  }
}

// The value as it stands inside a quoted SQL literal: quotes doubled, or quotes and backslashes
// escaped.
std::string Escaped(std::string_view value, bool with_backslash) {
  std::string out;
  for (char c : value) {
    if (c == '\'') out += with_backslash ? '\\' : '\'';
    if (c == '\\' && with_backslash) out += '\\';
    out += c;
  }
  return out;
}

// Masks the quoted literal that follows `keyword`, as in `IDENTIFIED BY '…'`.
void MaskLiteralAfter(std::string& text, std::string_view keyword) {
  for (std::size_t at = 0; at + keyword.size() <= text.size(); ++at) {
    if (strncasecmp(text.data() + at, keyword.data(), keyword.size()) != 0) continue;
    std::size_t open = at + keyword.size();
    while (open < text.size() && (text[open] == ' ' || text[open] == '=' || text[open] == 'E'))
      ++open;
    if (open >= text.size() || (text[open] != '\'' && text[open] != '"')) continue;
    const char quote = text[open];
    std::size_t close = open + 1;
    while (close < text.size() && text[close] != quote) close += text[close] == '\\' ? 2 : 1;
    if (close > text.size()) close = text.size();
    text.replace(open + 1, close - open - 1, kMask);
    at = open + kMask.size();
  }
}

// Masks `password` in `scheme://user:password@host`.
void MaskUrlPasswords(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = text.find_first_of(" /?'\"\n", at + 3);
    const std::size_t sign = text.rfind('@', end == std::string::npos ? text.size() : end);
    const std::size_t colon = text.find(':', at + 3);
    if (sign == std::string::npos || colon == std::string::npos || sign < at || colon > sign)
      continue;
    text.replace(colon + 1, sign - colon - 1, kMask);
  }
}

}  // namespace

std::string Redact(std::string_view foreign) {
  std::string text(foreign);
  static constexpr std::array<std::string_view, 5> kKeywords = {"IDENTIFIED BY", "PASSWORD",
                                                                "AS PASSWORD", "secret", "token"};
  for (std::string_view keyword : kKeywords) MaskLiteralAfter(text, keyword);
  MaskUrlPasswords(text);
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  for (const auto& [value, count] : registry.living) {
    ReplaceAll(text, value);
    ReplaceAll(text, Escaped(value, false));
    ReplaceAll(text, Escaped(value, true));
  }
  return text;
}

namespace internal {

void RememberSecret(std::string_view value) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  ++registry.living[std::string(value)];
}

void ForgetSecret(std::string_view value) noexcept {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.living.find(value);
  if (found == registry.living.end() || --found->second > 0) return;
  auto node = registry.living.extract(found);
  explicit_bzero(node.key().data(), node.key().size());
}

}  // namespace internal
}  // namespace dbagent
