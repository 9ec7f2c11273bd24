#pragma once

#include <filesystem>
#include <optional>

namespace dbagent::tests {

// Two file systems that a test can fill up, in a mount namespace of this program's own, so that
// nobody else sees them and they go with it. Only root can make them, so main does, before it
// drops.
struct SmallFilesystems {
  std::filesystem::path store;   // 16 MiB
  std::filesystem::path volume;  // room for a database server
};
void MountSmallFilesystems();
// None when they could not be made; the case is then told as not run.
const std::optional<SmallFilesystems>& TheSmallFilesystems();

}  // namespace dbagent::tests
