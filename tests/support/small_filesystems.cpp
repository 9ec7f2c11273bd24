#include "tests/support/small_filesystems.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace dbagent::tests {
namespace {

std::optional<SmallFilesystems> filesystems;

bool Mount(const std::filesystem::path& place, const char* options) {
  return mount("tmpfs", place.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

}  // namespace

void MountSmallFilesystems() {
  const std::filesystem::path base = "/run/dbagent-tests";
  mkdir(base.c_str(), 0755);  // it stays, empty
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      !Mount(base, "size=64k,mode=0755"))
    return;
  const SmallFilesystems made{base / "store", base / "volume"};
  if (mkdir(made.store.c_str(), 0755) == 0 && mkdir(made.volume.c_str(), 0755) == 0 &&
      Mount(made.store, "size=16m,mode=0777") && Mount(made.volume, "size=768m,mode=0777")) {
    filesystems = made;
  }
}

const std::optional<SmallFilesystems>& TheSmallFilesystems() {
  return filesystems;
}

}  // namespace dbagent::tests
