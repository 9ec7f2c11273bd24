#include <optional>
#include <string>

#include "datastores/mysql/quote.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent::datastore::mysql;

namespace {

// What the server's lexer reads between two `quote`s; nothing when it would end early or late.
std::optional<std::string> Read(std::string_view sql, char quote, bool backslashes) {
  if (sql.size() < 2 || sql.front() != quote || sql.back() != quote) return std::nullopt;
  sql = sql.substr(1, sql.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    char c = sql[i];
    if (backslashes && c == '\\') {
      if (++i == sql.size()) return std::nullopt;
      c = sql[i] == '0' ? '\0' : sql[i];
    } else if (c == quote) {
      if (++i == sql.size() || sql[i] != quote) return std::nullopt;
    }
    out += c;
  }
  return out;
}

}  // namespace

// What is quoted is read back as it was, and ends where its quotes end.
void Try(std::string_view input) {
  Require(Read(QuoteLiteral(input), '\'', true) == input, "a literal reads back");
  if (input.find('\0') == std::string_view::npos)
    Require(Read(QuoteIdentifier(input), '`', false) == input, "an identifier reads back");
  Require(UnescapePattern(EscapePattern(input)) == input, "a pattern matches its name alone");
  const std::string hex = HexLiteral(input);
  Require(hex == "''" || hex.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string::npos,
          "a hexadecimal literal holds digits only");
}
