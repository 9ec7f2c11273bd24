#include "datastores/postgresql/quoting.h"

namespace dbagent::datastore::postgresql {
namespace {

// `text` between quotes: characters of `doubled` are written twice, those of `escaped` after a
// backslash.
std::string Quoted(std::string_view text, char quote, std::string_view doubled,
                   std::string_view escaped) {
  std::string out(1, quote);
  for (const char c : text) {
    if (doubled.find(c) != std::string_view::npos) out += c;
    if (escaped.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out += quote;
}

}  // namespace

std::string Identifier(std::string_view name) {
  return Quoted(name, '"', "\"", "");
}

std::string Literal(std::string_view text) {
  const bool has_backslash = text.find('\\') != std::string_view::npos;
  return (has_backslash ? "E" : "") + Quoted(text, '\'', "'\\", "");
}

std::string ConnectionValue(std::string_view text) {
  return Quoted(text, '\'', "", "'\\");
}

std::string ConfigurationValue(std::string_view text) {
  return Quoted(text, '\'', "'\\", "");
}

}  // namespace dbagent::datastore::postgresql
