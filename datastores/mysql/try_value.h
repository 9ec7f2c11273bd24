#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datastores/mysql/connection.h"

// What a server says of a variable when it is asked to set it, without anything being set: one SET
// checks all of its variables before it sets the first, and one of ours never passes.
namespace dbagent::datastore::mysql {

// Whether it can be set only when the server starts (or not at all).
Result<bool> IsReadOnly(Connection& connection, const OpContext& ctx, const std::string& name);

// The server's words about a value that it would not take.
Result<std::optional<std::string>> Objection(Connection& connection, const OpContext& ctx,
                                             const std::string& name, const std::string& literal);

// The words of an enum that sessions have, by setting each in this session, which must not be used
// further; none: only the whole server has it.
Result<std::vector<std::string>> SessionChoices(Connection& connection, const OpContext& ctx,
                                                const std::string& name);

}  // namespace dbagent::datastore::mysql
