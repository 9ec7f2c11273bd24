#include "datastores/mysql/quote.h"

#include "agent/base/bytes.h"

namespace dbagent::datastore::mysql {
namespace {

bool IsPatternCharacter(char c) {
  return c == '_' || c == '%' || c == '\\';
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) {
  std::string out = "`";
  for (char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + '`';
}

std::string QuoteLiteral(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\0') {
      out += "\\0";
      continue;
    }
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + '\'';
}

std::string HexLiteral(std::string_view bytes) {
  return bytes.empty() ? "''" : "0x" + ToHex(AsBytes(bytes));
}

std::string EscapePattern(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (IsPatternCharacter(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string UnescapePattern(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped =
        pattern[i] == '\\' && i + 1 < pattern.size() && IsPatternCharacter(pattern[i + 1]);
    if (escaped) ++i;
    if (!escaped && (pattern[i] == '_' || pattern[i] == '%')) return std::string(pattern);
    out += pattern[i];
  }
  return out;
}

std::string QuoteAccount(std::string_view name, std::string_view host) {
  return QuoteLiteral(name) + "@" + QuoteLiteral(host);
}

}  // namespace dbagent::datastore::mysql
