#pragma once

#include <string>

#include "agent/workflows/context.h"

namespace dbagent::workflows {

// Whether the instance that the volume holds is this agent's to look after, and what makes it so:
// called at each start, before the server is, and before anything else touches its data. A volume
// may come from another machine, or from an agent of another OS user (direct mode); then the
// agent's accounts are made on the data (ServerControl::AdoptData). An empty volume is fine.
//
// `agent_user`: whose SQL account the agent has. WRONG_INSTANCE, WRONG_DATASTORE,
// VERSION_UNSUPPORTED (FAILED_PRECONDITION; the data is newer than the installed server, or of a
// PostgreSQL of another major): nothing was changed, and the server must not be started.
Status AdoptVolume(const OpContext& ctx, const config::Settings& settings,
                   const std::string& agent_user, const os::Volume& volume,
                   datastore::Datastore& datastore, os::InstanceHost& host);

}  // namespace dbagent::workflows
