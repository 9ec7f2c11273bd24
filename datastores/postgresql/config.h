#pragma once

#include "datastores/datastore.h"

// The texts of the server's configuration files. Pure; threads: any.
namespace dbagent::datastore::postgresql {

// CONFIGURATION_INVALID, which names what is wrong: a network, an address, a socket's path that is
// too long.
Status CheckConfiguration(const ServerSettings& settings, const ConfigureSpec& spec);

std::string MainConfiguration(const ServerSettings& settings, const ConfigureSpec& spec);
// Who may log in from where. The agent's role only by its OS user, over the socket.
std::string HostConfiguration(const ServerSettings& settings, const ConfigureSpec& spec);
// The agent may also be one of its loader roles.
std::string IdentConfiguration(const ServerSettings& settings);

inline constexpr const char* kMainFile = "postgresql.conf";
inline constexpr const char* kHostFile = "pg_hba.conf";
inline constexpr const char* kIdentFile = "pg_ident.conf";

}  // namespace dbagent::datastore::postgresql
