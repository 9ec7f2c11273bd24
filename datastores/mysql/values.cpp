#include "datastores/mysql/values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/base/quantity.h"
#include "datastores/mysql/option_file.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/words.h"

namespace dbagent::datastore::mysql {
namespace {

Status Invalid(const std::string& why) {
  return Status(Code::kInvalidArgument, "VALUE_INVALID", why);
}

Status OutOfRange(const Parameter& parameter, const std::string& value) {
  const auto show = [&](const std::string& number) { return ShowQuantity(number, parameter.unit); };
  const std::string allowed = parameter.maximum.empty() ? show(parameter.minimum) + " or more"
                              : parameter.minimum.empty()
                                  ? "at most " + show(parameter.maximum)
                                  : show(parameter.minimum) + " to " + show(parameter.maximum);
  return Error(Code::kInvalidArgument, "VALUE_OUT_OF_RANGE", "is {}, allowed are {}", show(value),
               allowed);
}

std::string ListOf(const std::vector<std::string>& choices) {
  std::string all;
  for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
  return all;
}

std::optional<bool> ParseSwitch(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kOn = {"on", "1", "true", "yes"};
  static constexpr std::array<std::string_view, 4> kOff = {"off", "0", "false", "no"};
  const std::string word = Lower(text);
  if (std::find(kOn.begin(), kOn.end(), word) != kOn.end()) return true;
  if (std::find(kOff.begin(), kOff.end(), word) != kOff.end()) return false;
  return std::nullopt;
}

std::optional<double> ParseReal(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

// The choice of this word in any case; none: it is not among them.
const std::string* FindChoice(const std::vector<std::string>& choices, std::string_view word) {
  const std::string lower = Lower(word);
  const auto found = std::find_if(choices.begin(), choices.end(), [&](const std::string& choice) {
    return Lower(choice) == lower;
  });
  return found == choices.end() ? nullptr : &*found;
}

Result<std::string> Integer(const Parameter& parameter, std::string_view text) {
  const std::optional<WideInteger> number = ParseQuantity(text, parameter.unit);
  if (!number) {
    return Invalid(fmt::format(
        "is '{}', which is no whole number{}", text,
        parameter.unit == "s" ? ", also with s, min, h or d" : ", also with K, M, G or T"));
  }
  const auto least = ParseWideInteger(parameter.minimum);
  const auto most = ParseWideInteger(parameter.maximum);
  if ((least && *number < *least) || (most && *number > *most))
    return OutOfRange(parameter, ToText(*number));
  return ToText(*number);
}

Result<std::string> Real(const Parameter& parameter, std::string_view text) {
  const std::optional<double> number = ParseReal(text);
  if (!number || *number != *number || *number - *number != 0)  // no infinity either
    return Invalid(fmt::format("is '{}', which is no number", text));
  const std::string value = fmt::format("{}", *number);
  const auto least = ParseReal(parameter.minimum), most = ParseReal(parameter.maximum);
  if ((least && *number < *least) || (most && *number > *most)) return OutOfRange(parameter, value);
  return value;
}

// `name` or `name=on` as the server spells it; nothing: it has no such item.
std::optional<std::string> SetItem(const Parameter& parameter, const std::string& item) {
  const std::size_t equals = item.find('=');
  const std::string name(Trim(std::string_view(item).substr(0, equals)));
  const std::string word = equals == std::string::npos
                               ? ""
                               : "=" + Lower(Trim(std::string_view(item).substr(equals + 1)));
  if (parameter.choices.empty()) return word.empty() ? Upper(name) : Lower(name) + word;
  const std::string* const choice = FindChoice(parameter.choices, name);
  if (choice == nullptr) return std::nullopt;
  return *choice + word;
}

Result<std::string> Set(const Parameter& parameter, std::string_view text) {
  std::vector<std::string> items;
  for (const std::string& item : SplitAt(text, ',')) {
    if (item.empty()) continue;
    const std::optional<std::string> canonical = SetItem(parameter, item);
    if (!canonical)
      return Invalid(fmt::format("has '{}', allowed are {}", item, ListOf(parameter.choices)));
    if (std::find(items.begin(), items.end(), *canonical) == items.end())
      items.push_back(*canonical);
  }
  std::string value;
  for (const std::string& item : items) value += (value.empty() ? "" : ",") + item;
  return value;
}

Result<std::string> Enum(const Parameter& parameter, std::string_view text) {
  if (parameter.choices.empty()) return std::string(text);
  const std::string* choice = FindChoice(parameter.choices, text);
  // a switch with more than two positions
  const std::optional<bool> position = ParseSwitch(text);
  if (choice == nullptr && position && text.size() > 1)
    choice = FindChoice(parameter.choices, *position ? "ON" : "OFF");
  if (choice == nullptr)
    return Invalid(fmt::format("is '{}', allowed are {}", text, ListOf(parameter.choices)));
  return *choice;
}

}  // namespace

Result<std::string> CanonicalParameterValue(const Parameter& parameter,
                                            const std::string& written) {
  if (HasControlCharacter(written)) return Invalid("has a line break or another control character");
  if (written.size() > kLongestOptionValue)
    return Invalid(fmt::format("is longer than {} bytes", kLongestOptionValue));
  const std::string_view text = Trim(written);
  switch (parameter.type) {
    case ParameterType::kBoolean: {
      const std::optional<bool> on = ParseSwitch(text);
      if (!on) return Invalid(fmt::format("is '{}', allowed are ON and OFF", text));
      return std::string(*on ? "ON" : "OFF");
    }
    case ParameterType::kInteger:
      return Integer(parameter, text);
    case ParameterType::kReal:
      return Real(parameter, text);
    case ParameterType::kEnum:
      return Enum(parameter, text);
    case ParameterType::kSet:
      return Set(parameter, text);
    case ParameterType::kString:
      break;
  }
  return written;
}

std::string CanonicalServerValue(const Parameter& parameter, const std::string& said) {
  Parameter unbounded = parameter;
  unbounded.minimum.clear();
  unbounded.maximum.clear();
  const Result<std::string> value = CanonicalParameterValue(unbounded, said);
  return value.ok() ? *value : said;
}

std::string ValueLiteral(ParameterType type, const std::string& value) {
  const bool number = type == ParameterType::kInteger || type == ParameterType::kReal;
  if (number && ParseReal(value)) return value;
  if (type == ParameterType::kBoolean && (value == "ON" || value == "OFF")) return value;
  return QuoteLiteral(value);
}

}  // namespace dbagent::datastore::mysql
