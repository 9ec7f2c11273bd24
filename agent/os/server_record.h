#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/os/files.h"

namespace dbagent::os {

// What should be and which process it is: a file of this name in the volume's directory of who runs
// the server, `agent/` or `helper/`.
inline constexpr std::string_view kServerRecord = "server";
struct ServerRecord {
  bool should_run = false;
  pid_t pid = 0;  // 0: none
  std::uint64_t start_time = 0;
  std::string boot_id = {};
};

// Nothing when there is no file. CORRUPT_VOLUME when it is not one of ours.
Result<std::optional<ServerRecord>> ReadServerRecord(const Path& path);
// Durable when it returns.
Status WriteServerRecord(const Path& path, const ServerRecord& record);

}  // namespace dbagent::os
