#include "agent/os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "agent/base/ids.h"

namespace dbagent::os {

Status ErrnoError(std::string_view verb, const Path& path, int error) {
  Code code = Code::kInternal;
  std::string_view reason = "IO_ERROR";
  if (error == ENOENT) code = Code::kNotFound, reason = "NOT_FOUND";
  if (error == EACCES || error == EPERM || error == EROFS)
    code = Code::kPermissionDenied, reason = "PERMISSION_DENIED";
  if (error == ENOSPC || error == EDQUOT) code = Code::kResourceExhausted, reason = "NO_SPACE";
  Status status =
      Error(code, reason, "unable to {} '{}': {}", verb, path.native(), std::strerror(error));
  if (reason == "NO_SPACE")
    return std::move(status).WithHint("free space on its file system, then repeat the call");
  return status;
}

Result<std::string> ReadFile(const Path& path, std::size_t limit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("read", path, errno);
  std::string text;
  char buffer[64U << 10U];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > limit) {
      return Error(Code::kOutOfRange, "FILE_TOO_LARGE",
                   "unable to read '{}': it is larger than {} bytes", path.native(), limit);
    }
  }
}

Status WriteAll(int fd, std::string_view data, const Path& name_for_errors) {
  while (!data.empty()) {
    const ssize_t put = write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError("write", name_for_errors, errno);
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return Ok();
}

Status SyncDirectory(const Path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("open directory", path, errno);
  if (fsync(fd.get()) != 0) return ErrnoError("sync directory", path, errno);
  return Ok();
}

Status WriteFileAtomic(const Path& path, std::string_view content, mode_t mode) {
  Path temporary = path;
  temporary += ".new-" + NewUuid().substr(0, 8);
  const auto write_it = [&]() -> Status {
    const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd.valid()) return ErrnoError("create", temporary, errno);
    if (fchmod(fd.get(), mode) != 0)
      return ErrnoError("set the mode of", temporary, errno);  // whatever the umask is
    RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
    if (fsync(fd.get()) != 0) return ErrnoError("sync", temporary, errno);
    if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError("replace", path, errno);
    return Ok();
  };
  if (Status written = write_it(); !written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  return SyncDirectory(path.has_parent_path() ? path.parent_path() : ".");
}

Status MakeDirectories(const Path& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) {
    if (chmod(path.c_str(), mode) != 0) return ErrnoError("set the mode of", path, errno);
    return path.has_parent_path() ? SyncDirectory(path.parent_path()) : Ok();
  }
  if (errno == EEXIST) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return ErrnoError("look at", path, errno);
    return S_ISDIR(info.st_mode) ? Ok() : ErrnoError("make directory", path, ENOTDIR);
  }
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path)
    return ErrnoError("make directory", path, errno);
  RETURN_IF_ERROR(MakeDirectories(path.parent_path(), mode));
  return MakeDirectories(path, mode);
}

Status RemoveTree(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);  // does not follow symlinks
  if (error && error.value() != ENOENT) return ErrnoError("remove", path, error.value());
  return Ok();
}

Status RemoveFile(const Path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError("remove", path, errno);
  return Ok();
}

Status RemoveContents(const Path& path) {
  const Result<std::vector<std::string>> names = ListDirectory(path);
  if (!names.ok()) return names.status().code() == Code::kNotFound ? Ok() : names.status();
  for (const std::string& name : *names) RETURN_IF_ERROR(RemoveTree(path / name));
  return Ok();
}

Result<bool> Exists(const Path& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return ErrnoError("look at", path, errno);
}

Result<std::vector<std::string>> ListDirectory(const Path& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoError("list", path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) return ErrnoError("list", path, error);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::uint64_t>> ListNumbers(const Path& path) {
  std::vector<std::uint64_t> numbers;
  ASSIGN_OR_RETURN(const bool there, Exists(path));
  if (!there) return numbers;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(path));
  for (const std::string& name : names) {
    std::uint64_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (error == std::errc() && stop == end) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::uint64_t> FreeBytes(const Path& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return ErrnoError("look at", path, errno);
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

Result<std::optional<UniqueFd>> TryLockFile(const Path& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError("open", path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<UniqueFd>(std::move(fd));
  if (errno == EWOULDBLOCK) return std::optional<UniqueFd>();
  return ErrnoError("lock", path, errno);
}

}  // namespace dbagent::os
