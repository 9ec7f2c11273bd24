#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datastores/datastore.h"

// What differs between PostgreSQL's versions, and which of them are accepted. Threads: any.
namespace dbagent::datastore::postgresql {

inline constexpr std::uint32_t kOldestMajor = 15;
inline constexpr std::uint32_t kNewestMajor = 18;

// `programs` when it is set, else the newest accepted of Debian's /usr/lib/postgresql/*/bin.
// PROGRAM_NOT_FOUND.
Result<os::Path> FindPrograms(const os::Path& programs);
// Reads what `postgres --version` printed. VERSION_UNSUPPORTED.
Result<DatastoreInfo> ParseVersion(const std::string& output, bool allow_unknown_major);

// Datastore::CheckDataVersion: a major's data is its own.
Status CheckDataVersion(const DatastoreInfo& installed, const std::string& version);

// The table privileges that the server knows: 17 brought MAINTAIN.
std::vector<std::string> TablePrivileges(std::uint32_t major);
// From 16 on a membership belongs to the role that granted it and is only revoked in that one's
// name.
bool MembershipHasGrantor(std::uint32_t major);
// Whether this psql knows \restrict, which forbids every other meta command (15.14, 16.10, 17.6,
// 18).
bool PsqlKnowsRestrict(const DatastoreInfo& info);
// 17 brought transaction_timeout.
bool HasTransactionTimeout(std::uint32_t major);
// 17 brought event triggers at a login, and the switch that keeps them all from running.
bool HasEventTriggersSwitch(std::uint32_t major);
// The parameter that the server takes an old name for (`sort_mem`); others come back unchanged.
std::string CurrentParameterName(const std::string& name, std::uint32_t major);

}  // namespace dbagent::datastore::postgresql
