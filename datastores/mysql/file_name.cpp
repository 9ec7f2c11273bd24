#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "datastores/mysql/names.h"

namespace dbagent::datastore::mysql {
namespace {

// Letters for which the server's `filename` character set has a short form of three bytes: asked of
// MariaDB 10.11 and MySQL 9.7 by `LENGTH(CONVERT(… USING filename))`.
constexpr std::array<std::pair<char32_t, char32_t>, 50> kThreeBytes = {{
    {192, 214},     {216, 246},     {248, 303},   {305, 446},   {452, 452},   {454, 455},
    {457, 458},     {460, 497},     {499, 502},   {504, 577},   {592, 687},   {902, 902},
    {904, 906},     {908, 908},     {910, 929},   {931, 974},   {976, 983},   {985, 1011},
    {1013, 1014},   {1016, 1016},   {1019, 1153}, {1162, 1230}, {1232, 1273}, {1280, 1295},
    {1329, 1365},   {1377, 1413},   {7680, 7835}, {7840, 7929}, {7936, 7957}, {7960, 7965},
    {7968, 8005},   {8008, 8013},   {8016, 8023}, {8025, 8025}, {8027, 8027}, {8029, 8029},
    {8031, 8061},   {8064, 8116},   {8118, 8124}, {8130, 8132}, {8134, 8140}, {8144, 8147},
    {8150, 8155},   {8160, 8172},   {8178, 8179}, {8182, 8188}, {8544, 8575}, {9398, 9449},
    {65313, 65338}, {65345, 65370},
}};

std::size_t Encoded(char32_t c) {
  const bool plain =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  if (plain) return 1;
  const auto after =
      std::upper_bound(kThreeBytes.begin(), kThreeBytes.end(), c,
                       [](char32_t value, const auto& range) { return value < range.first; });
  return after != kThreeBytes.begin() && c <= std::prev(after)->second ? 3 : 5;
}

}  // namespace

std::size_t FileNameLength(std::string_view name) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < name.size();) {
    const auto lead = static_cast<unsigned char>(name[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : 3;
    char32_t c = size == 1 ? lead : size == 2 ? lead & 0x1fU : lead & 0x0fU;
    for (std::size_t k = 1; k < size; ++k)
      c = c << 6U | (static_cast<unsigned char>(name[i + k]) & 0x3fU);
    length += Encoded(c);
    i += size;
  }
  return length;
}

}  // namespace dbagent::datastore::mysql
