#pragma once

#include <cstddef>
#include <string_view>

namespace dbagent {

// How many bytes must be inserted, dropped or replaced to make one short word of the other
// (Levenshtein): for "did you mean".
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace dbagent
