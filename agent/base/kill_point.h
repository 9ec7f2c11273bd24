#pragma once

#include <string_view>

namespace dbagent {

// A named place where a test may end the process with SIGKILL, as a power cut would. Compiled in
// only with DBAGENT_KILL_POINTS (presets dev and tsan); otherwise nothing.
//   DBAGENT_KILL_AT=name or name:3  die when the point is reached the first (third) time
//   DBAGENT_KILL_LOG=file           append the name of each point reached, so that a test can list
//   them
#ifdef DBAGENT_KILL_POINTS
void KillPoint(std::string_view name);
#else
inline void KillPoint(std::string_view) {}
#endif

}  // namespace dbagent
