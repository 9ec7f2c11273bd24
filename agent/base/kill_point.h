#pragma once

#include <string_view>

namespace dbagent {

// A named place where a test may end the process with SIGKILL, as a power cut would, or halt it to
// do something else to the machine. Compiled in
// only with DBAGENT_KILL_POINTS (presets dev and tsan); otherwise nothing.
//   DBAGENT_KILL_AT=name or name:3  die when the point is reached the first (third) time
//   DBAGENT_KILL_LOG=file           append the name of each point reached, so that a test can list
//   them
//   DBAGENT_POINT_CONTROL=file      read at each point, so that a running agent can be told:
//     `stop name`, `stop name 3`  the process stops itself (SIGSTOP), until SIGCONT
//     `hold name`, `hold name 3`  only the thread that reached the point waits; the agent answers
//     on
//   When the point is reached the first (third) time the file becomes `file.reached`; a held thread
//   goes on when that is gone (at most two minutes).
#ifdef DBAGENT_KILL_POINTS
void KillPoint(std::string_view name);
#else
inline void KillPoint(std::string_view) {}
#endif

}  // namespace dbagent
