#include "agent/helper/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace dbagent::helper {
namespace {

constexpr mode_t kFileMode = 0600, kDirectoryMode = 0700;

Status Refused(const std::string& name, std::string_view why) {
  return Error(Code::kDataLoss, "ARCHIVE_REFUSED", "unable to unpack '{}': {}", name, why)
      .WithHint(
          "the backup was made or altered by something that is not this agent; do not use it");
}

}  // namespace

Status CheckMemberName(const std::string& name) {
  if (name.empty()) return Refused(name, "a member has no name");
  if (name.front() == '/') return Refused(name, "its name is absolute");
  if (name.find('\0') != std::string::npos) return Refused(name, "its name holds a NUL byte");
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (name.compare(begin, end - begin, "..") == 0) return Refused(name, "its name leads upwards");
    begin = end + 1;
  }
  return Ok();
}

// Every full piece goes to the disk while the next is being made, or all of it would be waited for
// at the end. Only a hint: Sync tells what could not be written.
void BeginWriteback(int fd, std::int64_t from, std::int64_t to) {
  constexpr std::int64_t kPiece = 8 << 20;
  const std::int64_t first = from / kPiece * kPiece, last = to / kPiece * kPiece;
  if (first != last) sync_file_range(fd, first, last - first, SYNC_FILE_RANGE_WRITE);
}

Status WriteAt(int fd, const char* data, std::size_t length, std::int64_t offset,
               const std::string& name) {
  const std::int64_t begun = offset;
  while (length > 0) {
    const ssize_t written = pwrite(fd, data, length, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os::ErrnoError("write", name, errno);
    data += written;
    offset += written;
    length -= static_cast<std::size_t>(written);
  }
  BeginWriteback(fd, begun, offset);
  return Ok();
}

Result<Beneath> Beneath::Open(const os::Path& root, bool again) {
  UniqueFd fd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return os::ErrnoError("open", root, errno);
  return Beneath(std::move(fd), root, again);
}

// Debian 12's libc has no wrapper for it.
Result<UniqueFd> Beneath::OpenBelow(const std::string& name, std::uint64_t flags,
                                    std::uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root_.get(), name.c_str(), &how, sizeof how)));
  if (fd.valid()) return fd;
  if (errno == EXDEV || errno == ELOOP) return Refused(name, "it leads out of the directory");
  if (errno == EEXIST) return Refused(name, "the archive holds it twice");
  return os::ErrnoError("create", path_ / name, errno);
}

Status Beneath::MakeDirectory(const std::string& name) {
  RETURN_IF_ERROR(CheckMemberName(name));
  UniqueFd at(dup(root_.get()));
  if (!at.valid()) return os::ErrnoError("open", path_, errno);
  std::size_t begin = 0;
  while (begin < name.size()) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    // one component, never followed when it is a link: it cannot lead anywhere else
    if (mkdirat(at.get(), part.c_str(), kDirectoryMode) != 0 && errno != EEXIST)
      return os::ErrnoError("create directory", path_ / name, errno);
    UniqueFd next(openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid())
      return Refused(name, "there is something else where its directory should be");
    at = std::move(next);
  }
  return Ok();
}

Status Beneath::MakeParents(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return Ok();
  const std::string parent = name.substr(0, slash);
  if (parent == last_parent_) return Ok();
  RETURN_IF_ERROR(MakeDirectory(parent));
  last_parent_ = parent;
  return Ok();
}

Result<UniqueFd> Beneath::CreateFile(const std::string& name) {
  return MakeFile(name, again_ ? O_TRUNC : O_EXCL);
}

Result<UniqueFd> Beneath::OpenFile(const std::string& name) {
  return MakeFile(name, again_ ? 0 : O_EXCL);
}

Result<UniqueFd> Beneath::MakeFile(const std::string& name, std::uint64_t flags) {
  RETURN_IF_ERROR(CheckMemberName(name));
  RETURN_IF_ERROR(MakeParents(name));
  return OpenBelow(name, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, kFileMode);
}

Status Beneath::RemoveFile(const std::string& name) {
  RETURN_IF_ERROR(CheckMemberName(name));
  if (name.find('/') != std::string::npos) return Refused(name, "it is not at the top level");
  if (unlinkat(root_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return os::ErrnoError("remove", path_ / name, errno);
  return Ok();
}

Status Beneath::Sync() {
  if (syncfs(root_.get()) != 0) return os::ErrnoError("sync", path_, errno);
  return Ok();
}

}  // namespace dbagent::helper
