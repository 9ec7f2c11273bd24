#pragma once

#include <optional>
#include <string>
#include <string_view>

// Numbers with units as people write them: `2GB`, `30s`, `1.5 GiB`. Pure; threads: any.
//
// A unit is what a plain number counts: `B`, `kB`, `8kB`, `MB` … (powers of 1024), `us`, `ms`, `s`,
// `min`, `h`, `d`, or empty for a plain count.
namespace dbagent {

__extension__ typedef __int128 WideInteger;  // holds every number that a server's parameter holds

// `text` in the unit, rounded to the nearest whole one: `2GB` in `8kB` is 262144. A plain number
// counts the unit itself. Size words: B, kB or K, M, G, T, P, E, each also with B or iB, in any
// case; with an empty unit they multiply. Time words only where the unit is one. Nothing: it is no
// such number, or larger than 2^64.
std::optional<WideInteger> ParseQuantity(std::string_view text, std::string_view unit);

// The decimal text of a number, and back (sign and digits alone).
std::string ToText(WideInteger number);
std::optional<WideInteger> ParseWideInteger(std::string_view text);

// A number of units for people, in the largest unit that keeps it whole: 16384 of `8kB` is `128MB`,
// 90 of `s` is `90s`. Texts that are no whole number come back as they are.
std::string ShowQuantity(std::string_view number, std::string_view unit);

}  // namespace dbagent
