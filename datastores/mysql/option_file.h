#pragma once

#include <string>
#include <string_view>

#include "datastores/mysql/versions.h"

// The servers' option files. Pure; threads: any.
namespace dbagent::datastore::mysql {

// Both servers read a line in pieces of 4096 bytes, each of which is then an option of its own.
inline constexpr std::size_t kLongestOptionLine = 4000;
// What a value may have at most, so that its line, every character escaped, is short enough.
inline constexpr std::size_t kLongestOptionValue = 1900;

// Whether there is a character that ends a line, or that a person would not see.
bool HasControlCharacter(std::string_view text);

// A value as it stands after `name = `: bare when nothing in it could be taken for anything else.
std::string OptionValue(std::string_view value);

// The file of one layer: the header's lines as comments, then the values as options of the server.
// CONFIGURATION_INVALID: a value that no option file can hold.
Result<std::string> OptionFileText(const Dialect& dialect, std::string_view header,
                                   const Values& values);

}  // namespace dbagent::datastore::mysql
