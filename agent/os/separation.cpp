#include "agent/os/separation.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace dbagent::os {
namespace {

Status Unsafe(const Path& path, std::string_view cause) {
  return Error(Code::kFailedPrecondition, "VOLUME_UNSAFE", "unable to use '{}': {}", path.native(),
               cause)
      .WithHint(
          "look who made it so (`ls -ld`, `stat`) before you put it right; then restart "
          "dbagentd");
}

UniqueFd OpenDirectoryAt(int at, const char* name) {
  return UniqueFd(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Status GiveContents(int directory, const Path& path, const DirectoryOwner& owner);

Status GiveEntry(int directory, const std::string& name, const Path& path,
                 const DirectoryOwner& owner) {
  struct stat info {};
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoError("look at", path, errno);
  if (S_ISDIR(info.st_mode)) {
    const UniqueFd inner = OpenDirectoryAt(directory, name.c_str());
    if (!inner.valid()) return ErrnoError("open directory", path, errno);
    RETURN_IF_ERROR(GiveContents(inner.get(), path, owner));
  }
  // whoever made the second name may have meant to be given another's file
  if (S_ISREG(info.st_mode) && info.st_nlink > 1 && info.st_uid != owner.uid) {
    return Unsafe(path, "the file has a second name, and giving it away could give away another's")
        .WithHint("find the other name (find -samefile) and remove it, or copy the file");
  }
  if (fchownat(directory, name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoError("change the owner of", path, errno);
  return Ok();
}

Status GiveContents(int directory, const Path& path, const DirectoryOwner& owner) {
  DIR* const entries = fdopendir(dup(directory));
  if (entries == nullptr) return ErrnoError("list", path, errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(entries);
  for (const std::string& name : names)
    RETURN_IF_ERROR(GiveEntry(directory, name, path / name, owner));
  return Ok();
}

bool OnlyRootChanges(const struct stat& info) {
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  return info.st_uid == 0 && (sticky || (info.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

}  // namespace

Result<OsUser> FindOsUser(const std::string& name) {
  std::vector<char> buffer(16U << 10U);
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return OsUser{name, entry.pw_uid, entry.pw_gid};
  return Error(Code::kFailedPrecondition, "NO_OS_USER", "unable to find OS user '{}': {}", name,
               error == 0 ? "there is none" : std::strerror(error))
      .WithHint("the packages make the users; compare the agent's settings with /etc/passwd");
}

// The kernel takes the file capabilities away with the id, and gives them back with 0.
ActAs::ActAs(const std::optional<OsUser>& user) : acts_(user.has_value()) {
  if (!acts_) return;
  setfsgid(user->gid);
  setfsuid(user->uid);
}

ActAs::~ActAs() {
  if (!acts_) return;
  setfsuid(0);
  setfsgid(0);
}

Status GiveDirectory(const Path& path, const DirectoryOwner& owner) {
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return ErrnoError("make directory", path, errno);
  const UniqueFd fd = OpenDirectoryAt(AT_FDCWD, path.c_str());
  if (!fd.valid() && (errno == ENOTDIR || errno == ELOOP))
    return Unsafe(path, "it is no directory");
  if (!fd.valid()) return ErrnoError("open directory", path, errno);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoError("look at", path, errno);
  const bool owned = info.st_uid == owner.uid && info.st_gid == owner.gid;
  if (owned && (info.st_mode & 07777) == owner.mode) return Ok();
  // root's meanwhile: nobody else gets in, only an owner changes the mode, and what is cut off here
  // is seen to be so
  if (fchown(fd.get(), 0, 0) != 0) return ErrnoError("change the owner of", path, errno);
  if (fchmod(fd.get(), 0700) != 0) return ErrnoError("set the mode of", path, errno);
  if (!made && !owned) RETURN_IF_ERROR(GiveContents(fd.get(), path, owner));
  if (fchmod(fd.get(), owner.mode) != 0) return ErrnoError("set the mode of", path, errno);
  if (fchown(fd.get(), owner.uid, owner.gid) != 0)
    return ErrnoError("change the owner of", path, errno);
  return made ? SyncDirectory(path.parent_path()) : Ok();
}

Status MakeRootDirectory(const Path& path, mode_t mode) {
  if (mkdir(path.c_str(), 0700) == 0) RETURN_IF_ERROR(SyncDirectory(path.parent_path()));
  const UniqueFd fd = OpenDirectoryAt(AT_FDCWD, path.c_str());
  if (!fd.valid() && (errno == ENOTDIR || errno == ELOOP))
    return Unsafe(path, "it is no directory");
  if (!fd.valid()) return ErrnoError("open directory", path, errno);
  if (fchown(fd.get(), 0, 0) != 0) return ErrnoError("change the owner of", path, errno);
  if (fchmod(fd.get(), mode) != 0) return ErrnoError("set the mode of", path, errno);
  return Ok();
}

Status CheckOnlyRootChanges(const Path& path) {
  for (Path at = path;; at = at.parent_path()) {
    struct stat info {};
    if (lstat(at.c_str(), &info) != 0) return ErrnoError("look at", at, errno);
    if (!S_ISDIR(info.st_mode)) return Unsafe(at, "it is no directory");
    if (!OnlyRootChanges(info)) {
      return Unsafe(path, fmt::format("others than root can change '{}'", at.native()))
          .WithHint(fmt::format("chown root:root '{0}'; chmod go-w '{0}'", at.native()));
    }
    if (at == at.parent_path()) return Ok();
  }
}

}  // namespace dbagent::os
