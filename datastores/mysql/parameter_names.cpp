#include "datastores/mysql/parameter_names.h"

#include <algorithm>
#include <array>

#include "datastores/mysql/refused.h"
#include "datastores/mysql/words.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::string_view kLoose = "loose_";
constexpr std::array<std::string_view, 5> kPrefixes = {"skip_", "enable_", "disable_", "maximum_",
                                                       kLoose};

std::string_view WithoutPrefix(std::string_view name) {
  for (const std::string_view prefix : kPrefixes) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

}  // namespace

std::string CanonicalParameterName(const Dialect& dialect, std::string_view written) {
  std::string name = Lower(Trim(written));
  std::replace(name.begin(), name.end(), '-', '_');
  while (name.starts_with(kLoose)) name.erase(0, kLoose.size());
  for (std::string_view meant = name;;) {
    if (RefusalOf(meant)) return dialect.ParameterOf(std::string(meant));
    const std::string_view shorter = WithoutPrefix(meant);
    if (shorter.size() == meant.size()) break;
    meant = shorter;
  }
  return dialect.ParameterOf(name);
}

}  // namespace dbagent::datastore::mysql
