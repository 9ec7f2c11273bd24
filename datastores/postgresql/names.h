#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"

// What may be named by a caller, decided before any SQL. Any name that the server can hold is
// allowed: 1 to 63 bytes of UTF-8 without NUL; the server itself would cut a longer one without an
// error. Threads: any.
namespace dbagent::datastore::postgresql {

inline constexpr std::size_t kMaxNameBytes = 63;
inline constexpr std::string_view kMaintenanceDatabase = "postgres";
inline constexpr std::string_view kRootRole = "root";
// Roles of the agent that nobody is and nobody is a member of; own_roles.h says what each is for.
inline constexpr std::string_view kOwnerRole = "dbagent-owner";
inline constexpr std::string_view kHeirRole = "dbagent-heir";
inline constexpr std::string_view kLoaderPrefix = "dbagent-loader-";
// A database that Create has not finished; never shown (database_admin.cpp).
inline constexpr std::string_view kUnfinishedPrefix = "dbagent-unfinished-";

// NAME_INVALID, NAME_RESERVED.
Status CheckDatabaseName(std::string_view name);
// `agent` is the agent's own role.
Status CheckRoleName(std::string_view name, std::string_view agent);
// SQL: whether the column names one of these roles of the agent.
std::string IsOwnRole(std::string_view column);

}  // namespace dbagent::datastore::postgresql
