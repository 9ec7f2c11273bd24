#pragma once

#include <sys/types.h>

#include <string>

#include "agent/base/unique_fd.h"

namespace dbagent::tests {

// What comes out of a pipe until `end` (not part of the answer), the pipe's end or ten seconds.
std::string ReadUntil(int fd, char end = '\n');
// Whether the process is gone, or goes within ten seconds.
bool IsGoneSoon(pid_t pid);
// How many descriptors this process has, and how many children (zombies too).
std::size_t OpenDescriptors();
std::size_t Children();

}  // namespace dbagent::tests
