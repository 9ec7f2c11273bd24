#pragma once

#include "datastores/datastore.h"

// Who may connect, and from where: the files pg_hba.conf and pg_ident.conf. Pure; threads: any.
namespace dbagent::datastore::postgresql {

// CONFIGURATION_INVALID, which names what is wrong: a network, an address, a socket's path that is
// too long.
Status CheckConfiguration(const ServerSettings& settings, const ConfigurationSet& spec);

// Who may log in from where. The agent's role only by its OS user, over the socket.
std::string HostConfiguration(const ServerSettings& settings, const ConfigurationSet& spec);
// The agent may also be one of its loader roles.
std::string IdentConfiguration(const ServerSettings& settings);

inline constexpr const char* kMainFile = "postgresql.conf";
inline constexpr const char* kHostFile = "pg_hba.conf";
inline constexpr const char* kIdentFile = "pg_ident.conf";

}  // namespace dbagent::datastore::postgresql
