#pragma once

#include <string>
#include <string_view>

namespace dbagent::datastore::mysql {

// Whether a line of a server's output is one of its errors.
bool IsErrorLine(std::string_view line);

// What a server says of its failure, on one line and redacted: its errors, each once and without
// its time; without any, its last lines. Pure.
std::string ErrorLines(std::string_view output);

}  // namespace dbagent::datastore::mysql
