#pragma once

#include "agent/workflows/configurations.h"

namespace dbagent::workflows {

// Whether the instance that the volume holds is this agent's to look after, and what makes it so:
// called at each start, after the host's TakeOver and before the server is started, and before
// anything else touches its data. A volume may come from another machine, another mode, or from an
// agent of another OS user: its configuration is rendered for this one, and the agent's accounts
// are made on the data when they are another's (ServerControl::AdoptData). An empty volume is fine.
//
// WRONG_INSTANCE, WRONG_DATASTORE, VERSION_UNSUPPORTED (FAILED_PRECONDITION; the data is newer than
// the installed server, or of a PostgreSQL of another major): nothing was changed, and the server
// must not be started.
Status AdoptVolume(const OpContext& ctx, const Context& context, Configurations& configurations);

}  // namespace dbagent::workflows
