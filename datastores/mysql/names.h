#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "datastores/datastore.h"
#include "datastores/mysql/versions.h"

// What the server can hold as a name, checked before any SQL.
namespace dbagent::datastore::mysql {

// NAME_INVALID, NAME_RESERVED.
Status CheckDatabaseName(std::string_view name);
// A user's account: NAME_INVALID, NAME_RESERVED, HOST_INVALID.
Status CheckUser(const Dialect& dialect, const ServerSettings& settings, const UserId& id);
// PASSWORD_INVALID: a NUL, or longer than the server takes at login.
Status CheckPassword(const Dialect& dialect, const Secret& password);

bool IsReservedDatabase(std::string_view name);
// The server's own, the agent's, and that of the server's OS user.
bool IsReservedUser(const ServerSettings& settings, std::string_view name);

// As the server keeps it: an empty host is `%`, host names are lower case.
UserId Normalised(UserId id);

// How many bytes the server's name for the database's directory has (`a/b` becomes `a@002fb`);
// `name` is UTF-8 without supplementary characters.
std::size_t FileNameLength(std::string_view name);

}  // namespace dbagent::datastore::mysql
