#include "agent/base/quantity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace dbagent {
namespace {

constexpr WideInteger kLargest = WideInteger{1} << 64U;

struct Word {
  std::string_view text;
  std::uint64_t factor;
};
// Factors of a byte, and of a microsecond; ascending.
constexpr std::array<Word, 7> kSizes = {{{"B", 1},
                                         {"kB", 1ULL << 10U},
                                         {"MB", 1ULL << 20U},
                                         {"GB", 1ULL << 30U},
                                         {"TB", 1ULL << 40U},
                                         {"PB", 1ULL << 50U},
                                         {"EB", 1ULL << 60U}}};
constexpr std::array<Word, 6> kTimes = {{{"us", 1},
                                         {"ms", 1000},
                                         {"s", 1000000},
                                         {"min", 60000000},
                                         {"h", 3600000000},
                                         {"d", 86400000000}}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

template <std::size_t N>
std::optional<std::uint64_t> FactorOf(const std::array<Word, N>& words, std::string_view text) {
  const auto* found =
      std::find_if(words.begin(), words.end(), [&](const Word& w) { return w.text == text; });
  return found == words.end() ? std::nullopt : std::optional(found->factor);
}

// `k`, `KB`, `kib` … as kSizes has it.
std::optional<std::uint64_t> SizeFactor(std::string_view word) {
  std::string plain;
  for (const char c : word) plain += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (plain == "B") return 1;
  if (plain.ends_with("IB")) plain.resize(plain.size() - 2);
  if (plain.ends_with("B")) plain.resize(plain.size() - 1);
  const std::size_t at = std::string_view("KMGTPE").find(plain);
  if (plain.size() != 1 || at == std::string_view::npos) return std::nullopt;
  return kSizes[at + 1].factor;
}

// What one of the unit is in bytes or microseconds: `8kB` is 8192.
struct Base {
  bool time = false;
  std::uint64_t factor = 1;
};
Base BaseOf(std::string_view unit) {
  std::uint64_t count = 0;
  while (!unit.empty() && IsDigit(unit.front())) {
    count = count * 10 + static_cast<std::uint64_t>(unit.front() - '0');
    unit.remove_prefix(1);
  }
  if (count == 0) count = 1;
  if (const auto time = FactorOf(kTimes, unit)) return {true, count * *time};
  return {false, count * FactorOf(kSizes, unit).value_or(1)};
}

}  // namespace

std::string ToText(WideInteger number) {
  const bool negative = number < 0;
  std::string digits;
  do {
    const int digit = static_cast<int>(number % 10);
    digits += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    number /= 10;
  } while (number != 0);
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::optional<WideInteger> ParseWideInteger(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.size() > 20) return std::nullopt;
  WideInteger number = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (number > kLargest) return std::nullopt;
  return negative ? -number : number;
}

std::optional<WideInteger> ParseQuantity(std::string_view text, std::string_view unit) {
  text = Trim(text);
  std::size_t end = 0;
  while (end < text.size() && (IsDigit(text[end]) || text[end] == '.' ||
                               (end == 0 && (text[0] == '-' || text[0] == '+'))))
    ++end;
  const std::string_view digits = text.substr(0, end);
  const std::string_view word = Trim(text.substr(end));
  const Base base = BaseOf(unit);
  WideInteger factor = base.factor;
  if (!word.empty()) {
    const auto found = base.time ? FactorOf(kTimes, word) : SizeFactor(word);
    if (!found) return std::nullopt;
    factor = *found;
  }
  if (digits.find('.') == std::string_view::npos) {
    const std::optional<WideInteger> number = ParseWideInteger(digits);
    if (!number) return std::nullopt;
    const WideInteger half = static_cast<WideInteger>(base.factor / 2) * (*number < 0 ? -1 : 1);
    const WideInteger counted = (*number * factor + half) / static_cast<WideInteger>(base.factor);
    if (counted > kLargest || counted < -kLargest) return std::nullopt;
    return counted;
  }
  // a fraction: only of a unit
  if (word.empty() || std::count(digits.begin(), digits.end(), '.') != 1 || digits.size() > 20 ||
      digits.back() == '.')
    return std::nullopt;
  const long double value =
      std::stold("0" + std::string(digits.substr(digits.find_first_of("0123456789.")))) *
      (digits.front() == '-' ? -1 : 1);
  const long double counted =
      std::round(value * static_cast<long double>(factor) / static_cast<long double>(base.factor));
  if (std::fabs(counted) > static_cast<long double>(kLargest)) return std::nullopt;
  return static_cast<WideInteger>(counted);
}

std::string ShowQuantity(std::string_view number, std::string_view unit) {
  const std::optional<WideInteger> count = ParseWideInteger(number);
  if (!count || unit.empty() || *count <= 0) return std::string(number);
  const Base base = BaseOf(unit);
  const WideInteger total = *count * static_cast<WideInteger>(base.factor);
  const auto largest = [&](const auto& words) {
    const Word* best = words.data();
    for (const Word& word : words) {
      if (total % static_cast<WideInteger>(word.factor) == 0) best = &word;
    }
    return ToText(total / static_cast<WideInteger>(best->factor)) + std::string(best->text);
  };
  return base.time ? largest(kTimes) : largest(kSizes);
}

}  // namespace dbagent
