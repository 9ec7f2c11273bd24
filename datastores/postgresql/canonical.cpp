#include "datastores/postgresql/canonical.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "agent/base/quantity.h"

namespace dbagent::datastore::postgresql {
namespace {

template <typename... Args>
Status Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return Error(Code::kInvalidArgument, "VALUE_INVALID", format, std::forward<Args>(args)...);
}

std::string Lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

std::string Trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// `on`, `off`, or nothing. The server also takes beginnings of words (`t`, `of`); people who write
// these have more likely mistyped.
std::optional<std::string> Boolean(const std::string& lower) {
  for (const std::string_view word : {"on", "true", "yes", "1", "t", "y"})
    if (lower == word) return "on";
  for (const std::string_view word : {"off", "false", "no", "0", "f", "n"})
    if (lower == word) return "off";
  return std::nullopt;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Each bound is there or not by itself.
std::string Allowed(const Parameter& parameter) {
  const std::string least = ShowQuantity(parameter.minimum, parameter.unit);
  const std::string most = ShowQuantity(parameter.maximum, parameter.unit);
  if (least.empty()) return "at most " + most + " is allowed";
  if (most.empty()) return "at least " + least + " is allowed";
  return "allowed are " + least + " to " + most;
}

Status OutOfRange(const Parameter& parameter, const std::string& value) {
  return Error(Code::kInvalidArgument, "VALUE_OUT_OF_RANGE", "is {}, {}",
               ShowQuantity(value, parameter.unit), Allowed(parameter));
}

std::string Example(const Parameter& parameter) {
  if (parameter.unit.empty()) return "";
  const char last = parameter.unit.back();
  return last == 'B' ? ", like 64MB" : ", like 30s";
}

Result<std::string> Integer(const Parameter& parameter, const std::string& text) {
  // the server has no words for plain counts
  const std::optional<WideInteger> number =
      parameter.unit.empty() ? ParseWideInteger(text) : ParseQuantity(text, parameter.unit);
  if (!number) {
    return Invalid("is '{}', which is no whole number{}", text,
                   parameter.unit.empty() ? "" : " with a unit" + Example(parameter));
  }
  const auto least = ParseWideInteger(parameter.minimum);
  const auto most = ParseWideInteger(parameter.maximum);
  if ((least && *number < *least) || (most && *number > *most))
    return OutOfRange(parameter, ToText(*number));
  return ToText(*number);
}

std::optional<double> PlainReal(const std::string& text) {
  // like strtod, whatever the process's locale, and without names of numbers
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string::npos)
    return std::nullopt;
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  double number = 0;
  if (!(stream >> number) || !stream.eof() || !std::isfinite(number)) return std::nullopt;
  return number;
}

// `0.5ms` in `us` is 500.
std::optional<double> Real(const std::string& text, const std::string& unit) {
  const std::size_t word = text.find_first_not_of("0123456789+-.");
  if (word == std::string::npos || unit.empty()) return PlainReal(text);
  const std::optional<double> number = PlainReal(Trimmed(text.substr(0, word)));
  // the least unit of its kind, in which both are whole
  const bool size = unit.back() == 'B';
  const char* const least = size ? "B" : "us";
  const auto written = ParseQuantity("1" + text.substr(word), least);
  const auto own = ParseQuantity("1" + unit, least);
  if (!number || !written || !own || *own == 0) return PlainReal(text);
  return *number * static_cast<double>(*written) / static_cast<double>(*own);
}

Result<std::string> RealText(const Parameter& parameter, const std::string& text) {
  const std::optional<double> number = Real(text, parameter.unit);
  if (!number) return Invalid("is '{}', which is no number{}", text, Example(parameter));
  // six digits, as the server shows it
  std::string shown = fmt::format("{:g}", *number == 0 ? 0.0 : *number);
  const std::optional<double> least = PlainReal(parameter.minimum);
  const std::optional<double> most = PlainReal(parameter.maximum);
  if ((least && *number < *least) || (most && *number > *most)) return OutOfRange(parameter, shown);
  return shown;
}

Result<std::string> Choice(const Parameter& parameter, const std::string& text) {
  const std::string lower = Lower(text);
  for (const std::string& choice : parameter.choices)
    if (Lower(choice) == lower) return choice;
  // an enum with `on` and `off` takes their synonyms
  const std::optional<std::string> boolean = Boolean(lower);
  const auto& choices = parameter.choices;
  if (boolean && std::find(choices.begin(), choices.end(), *boolean) != choices.end())
    return *boolean;
  if (choices.empty()) return text;
  return Invalid("is '{}', allowed are {}", text, Joined(choices));
}

}  // namespace

Result<std::string> CanonicalText(const Parameter& parameter, const std::string& written) {
  // each value is one line of a file
  for (const char c : written) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
      return Invalid("has a line break or a control character");
  }
  const std::string text = Trimmed(written);
  switch (parameter.type) {
    case ParameterType::kBoolean: {
      if (std::optional<std::string> word = Boolean(Lower(text))) return *std::move(word);
      return Invalid("is '{}', allowed are on, off", text);
    }
    case ParameterType::kInteger:
      return Integer(parameter, text);
    case ParameterType::kReal:
      return RealText(parameter, text);
    case ParameterType::kEnum:
      return Choice(parameter, text);
    case ParameterType::kString:
    case ParameterType::kSet:
      break;
  }
  return written;
}

}  // namespace dbagent::datastore::postgresql
