#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>

#include "datastores/postgresql/quoting.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent::datastore::postgresql;

namespace {

// What the server's lexer reads between two `quote`s; nothing when it would end early or late.
std::optional<std::string> Read(std::string_view sql, char quote, bool backslashes) {
  if (sql.size() < 2 || sql.front() != quote || sql.back() != quote) return std::nullopt;
  sql = sql.substr(1, sql.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (backslashes && sql[i] == '\\') {
      if (++i == sql.size()) return std::nullopt;
    } else if (sql[i] == quote) {
      if (++i == sql.size() || sql[i] != quote) return std::nullopt;
    }
    out += sql[i];
  }
  return out;
}

// By the library that will read it.
std::optional<std::string> ReadConnectionValue(const std::string& quoted) {
  const std::string text = "application_name=" + quoted + " port=7";
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(text.c_str(), nullptr), PQconninfoFree);
  if (!options) return std::nullopt;
  std::string name, port;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (std::string_view(option->keyword) == "application_name") name = option->val;
    if (std::string_view(option->keyword) == "port") port = option->val;
  }
  if (port != "7") return std::nullopt;
  return name;
}

}  // namespace

// What is quoted is read back as it was, and ends where its quotes end.
void Try(std::string_view input) {
  if (input.find('\0') != std::string_view::npos) return;  // refused before (names.h)
  Require(Read(Identifier(input), '"', false) == input, "an identifier reads back");
  const std::string literal = Literal(input);
  const std::size_t quote = literal.find('\'');
  const bool escapes = literal.find('E') < quote;
  Require(escapes || input.find('\\') == std::string_view::npos, "a backslash asks for E''");
  Require(Read(std::string_view(literal).substr(quote), '\'', escapes) == input,
          "a literal reads back");
  Require(ReadConnectionValue(ConnectionValue(input)) == input, "a connection value reads back");
  if (input.find_first_of("\n\r\\") == std::string_view::npos)
    Require(Read(ConfigurationValue(input), '\'', false) == input, "a setting reads back");
}
