#pragma once

#include <sys/types.h>

// For a process that must not be felt by the database server beside it, and for what it starts: a
// low CPU priority (`nice`, 0 to 19), the disk only when nobody else wants it (I/O class idle), and
// the first to go when memory is short. There is no way back without privileges. What the kernel
// does not offer is left as it is: slower or faster, the work is the same.
//
// Not for the agent's own threads, since one that waits its turn would hold locks and the journal;
// but for those of a pipeline, which hold nothing that others want.
namespace dbagent::os {

// In the process itself, before it is the program, or in a thread, for that thread.
// Async-signal-safe.
void YieldToOthers(int nice);
// The rest, by its parent, once it is the program: what the agent's own process is in /proc belongs
// to root, since it must not be dumped, and that of its copy too.
void YieldFurther(pid_t session_leader, int nice);

// Where the kernel groups by session (autogroup, sched(7)), a thread's nice value does not make way
// for a server in another session. While one of these lives the whole session of this process has a
// lower weight, low enough for that and not so low that the agent would not answer. Nothing where
// the process is not the leader of its session, as a service is. Threads: any.
class SessionYield {
 public:
  // Once, before the process is made undumpable, after which its files in /proc are root's.
  static void Prepare();

  SessionYield();
  ~SessionYield();
  SessionYield(const SessionYield&) = delete;
  SessionYield& operator=(const SessionYield&) = delete;
};

}  // namespace dbagent::os
