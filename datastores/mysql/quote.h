#pragma once

#include <string>
#include <string_view>

// The only place where text becomes part of SQL. Sessions have NO_BACKSLASH_ESCAPES off,
// ANSI_QUOTES off and speak utf8mb4, all set at connect.
namespace dbagent::datastore::mysql {

// `a``b`, for any name.
std::string QuoteIdentifier(std::string_view name);
// 'it''s', for any bytes: quotes doubled, backslashes too, NUL as \0.
std::string QuoteLiteral(std::string_view text);
// 0x6162 (0x'' is no literal: empty text is ''), for bytes that are no text.
std::string HexLiteral(std::string_view bytes);
// The database's name as the pattern that matches exactly it, where GRANT takes a pattern: `_`, `%`
// and backslash escaped.
std::string EscapePattern(std::string_view name);
// The inverse; what is a real pattern stays as it is.
std::string UnescapePattern(std::string_view pattern);
// 'name'@'host'
std::string QuoteAccount(std::string_view name, std::string_view host);

}  // namespace dbagent::datastore::mysql
