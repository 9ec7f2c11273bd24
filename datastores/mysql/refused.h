#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "datastores/settings.h"

// Which parameters a group may not set, and why: rules about kinds of parameters, most of them
// patterns, so that one that a newer server brings is refused too. Pure; threads: any.
namespace dbagent::datastore::mysql {

struct Refusal {
  ParameterAccess access = ParameterAccess::kForbidden;
  std::string_view reason;  // completes `parameter 'x' cannot be set: …`
};

// Of a canonical name. The type says whether the value is a text, of which some rules speak;
// without one it may be.
std::optional<Refusal> RefusalOf(std::string_view name, std::optional<ParameterType> type = {});

// Of a value that would shut out the agent or risk data; completes `parameter 'x' …`.
std::optional<std::string> RefusalOfValue(std::string_view name, std::string_view value);

}  // namespace dbagent::datastore::mysql
