#pragma once

#include <string>
#include <string_view>
#include <vector>

// Small texts that several of the driver's parts about parameters need. Pure; threads: any.
namespace dbagent::datastore::mysql {

std::string Lower(std::string_view text);  // ASCII letters only
std::string Upper(std::string_view text);
std::string_view Trim(std::string_view text);
std::vector<std::string> SplitAt(std::string_view text, char separator);  // items trimmed
// Whether the text fits a pattern in which `*` stands for any text.
bool Fits(std::string_view text, std::string_view pattern);

}  // namespace dbagent::datastore::mysql
