#pragma once

#include <cstdint>
#include <string>

namespace dbagent::datastore::postgresql {

// What a session of the agent or of its tools is started with (`options`, PGOPTIONS), so that
// neither a configuration group nor a database's or a role's own settings change what its
// statements mean or end them too early. Every role may set these. Threads: any.
std::string ClientOptions(std::uint32_t major);
// And what only a superuser may set, or tools need as it is: of the agent's own sessions.
std::string AgentOptions(std::uint32_t major);

}  // namespace dbagent::datastore::postgresql
