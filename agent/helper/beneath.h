#pragma once

#include <cstdint>
#include <string>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/os/files.h"

// A directory that nothing written through it can leave: every name is resolved by the kernel below
// it, without symlinks (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS).
//
// Names are relative, `/`-separated. ARCHIVE_REFUSED (DATA_LOSS): a name that is empty, absolute,
// holds `..`, a NUL, or leads out. Files are made 0600, directories 0700, none
// twice, unless somebody was here before and all is done `again`.
// One thread at a time.
namespace dbagent::helper {

Status CheckMemberName(const std::string& name);

// All of it, at that offset; `name` is for errors.
Status WriteAt(int fd, const char* data, std::size_t length, std::int64_t offset,
               const std::string& name);

class Beneath {
 public:
  static Result<Beneath> Open(const os::Path& root, bool again = false);

  // With the directories above it. A directory that is there is fine.
  Status MakeDirectory(const std::string& name);
  // A new file, opened for writing; its directories are made. A file that is there is refused;
  // again: emptied.
  Result<UniqueFd> CreateFile(const std::string& name);
  // The same; again: what is there stays.
  Result<UniqueFd> OpenFile(const std::string& name);
  // A file at the top level; what is not there is fine.
  Status RemoveFile(const std::string& name);
  // Everything below is on disk (syncfs(2)).
  Status Sync();

 private:
  Beneath(UniqueFd root, os::Path path, bool again)
      : root_(std::move(root)), path_(std::move(path)), again_(again) {}
  Status MakeParents(const std::string& name);
  Result<UniqueFd> MakeFile(const std::string& name, std::uint64_t flags);
  Result<UniqueFd> OpenBelow(const std::string& name, std::uint64_t flags, std::uint64_t mode);

  UniqueFd root_;
  os::Path path_;
  bool again_;
  std::string last_parent_;  // made already; archives hold directories together
};

}  // namespace dbagent::helper
