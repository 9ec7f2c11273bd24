#pragma once

#include <string>
#include <string_view>

// The only place where a foreign text becomes a part of SQL, of a connection string or of one of
// the server's files. Every text is taken as it is; a NUL byte must have been refused before
// (names.h), since none of the targets can hold one. Threads: any; pure functions.
namespace dbagent::datastore::postgresql {

std::string Identifier(std::string_view name);  // `"a""b"`
std::string Literal(
    std::string_view text);  // `'it''s'`, `E'back\\slash'`: whatever standard_conforming_strings is
std::string ConnectionValue(
    std::string_view text);  // a value of a libpq connection string: `'it\'s'`
std::string ConfigurationValue(std::string_view text);  // a value in postgresql.conf: `'it''s'`

}  // namespace dbagent::datastore::postgresql
