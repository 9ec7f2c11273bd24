#pragma once

#include <filesystem>
#include <string>

namespace dbagent::tests {

// A file system whose power a test can cut: an ext4 on a loop device, in this program's own mount
// namespace, looked after by a process that stays root. All of it goes with the program, however it
// ends: the image has no name, the device clears itself, the mount goes with its namespace.
class Power {
 public:
  // While the program is root.
  static void StartKeeper();

  // Makes and mounts it; everybody may write there. Why not, when it cannot be.
  static std::string Mount(std::filesystem::path& place);
  // From now on nothing written reaches it, and what was not synced never will (EXT4_IOC_SHUTDOWN
  // without flushing the log). Answers what went wrong, or nothing.
  static std::string Cut();
  // Unmounts and mounts again, as the next boot does. Nobody may have a file open there.
  static std::string Return();
  // Unmounts it for good; Mount makes a fresh one.
  static std::string Release();
};

}  // namespace dbagent::tests
