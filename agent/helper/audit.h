#pragma once

#include <chrono>
#include <string>

#include "agent/base/status.h"
#include "agent/os/direct_host.h"
#include "agent/os/helper_protocol.h"

// What dbagent-helper writes about its work: a line each to stderr, with the journal's level in
// front (sd-daemon(3)), in the form `KEY=VALUE`. Values are quoted, so that none looks like another
// line or key. Threads: any.
namespace dbagent::helper {

struct VerbAudit {
  const std::string& instance;
  const std::string& verb;
  const os::Fields& arguments;
  const Status& outcome;
  std::chrono::nanoseconds span;
};
// Not of `server-state`, which is asked all the time, unless it fails.
void AuditVerb(const VerbAudit& audit);
// A connection that is closed unanswered; a line a second at most.
void AuditTurnedAway(const std::string& why);
void AuditEvent(const os::ServerEvent& event);

}  // namespace dbagent::helper
