#include "agent/storage/file_store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/ids.h"
#include "agent/os/files.h"

namespace dbagent::storage {
namespace {

constexpr std::string_view kTemporary =
    ".new-";  // never the beginning of an object's name: a listing skips it

class FileStore : public ObjectStore {
 public:
  explicit FileStore(os::Path root) : root_(std::move(root)) {}

  Status Put(const OpContext& ctx, const std::string& name, Bytes content) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    const os::Path target = root_ / name;
    RETURN_IF_ERROR(os::MakeDirectories(target.parent_path(), 0700));
    const os::Path temporary = target.parent_path() / (std::string(kTemporary) + NewUuid());
    const Status put = [&]() -> Status {
      const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!fd.valid()) return os::ErrnoError("create", temporary, errno);
      RETURN_IF_ERROR(os::WriteAll(fd.get(), AsText(content), target));
      if (fsync(fd.get()) != 0) return os::ErrnoError("sync", temporary, errno);
      if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0)
        return Ok();
      if (errno == EEXIST)
        return Error(Code::kAlreadyExists, "OBJECT_EXISTS",
                     "unable to store object '{}': it exists already", name);
      return os::ErrnoError("rename", temporary, errno);
    }();
    if (!put.ok()) {
      unlink(temporary.c_str());
      return put;
    }
    return os::SyncDirectory(target.parent_path());
  }

  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    const UniqueFd fd(open((root_ / name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return ReadError(name, errno);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return ReadError(name, errno);
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size > limit) {
      return Error(Code::kOutOfRange, "OBJECT_TOO_LARGE",
                   "object '{}' has {} bytes, at most {} are expected", name, size, limit);
    }
    std::vector<std::byte> content(size);
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = read(fd.get(), content.data() + have, size - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ReadError(name, errno);
      if (got == 0) break;  // cut while it was read
      have += static_cast<std::size_t>(got);
    }
    content.resize(have);
    return content;
  }

  Result<bool> Exists(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    return os::Exists(root_ / name);
  }

  Result<std::vector<std::string>> List(const OpContext& ctx, const std::string& prefix) override {
    RETURN_IF_ERROR(ctx.Poll());
    const os::Path folder = root_ / prefix;
    ASSIGN_OR_RETURN(const bool exists, os::Exists(folder));
    std::vector<std::string> names;
    if (!exists) return names;
    ASSIGN_OR_RETURN(const std::vector<std::string> entries, os::ListDirectory(folder));
    for (const std::string& entry : entries) {
      if (entry.starts_with(kTemporary)) continue;
      struct stat info {};
      if (stat((folder / entry).c_str(), &info) != 0) continue;  // gone meanwhile
      names.push_back(prefix + entry + (S_ISDIR(info.st_mode) ? "/" : ""));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status Remove(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    const os::Path target = root_ / name;
    if (unlink(target.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
      return os::ErrnoError("remove", target, errno);
    RemoveEmptyFolders(target.parent_path());
    for (os::Path folder = target.parent_path(); folder != root_ && folder.has_parent_path();
         folder = folder.parent_path()) {
      RemoveTemporaries(folder);
      if (rmdir(folder.c_str()) != 0) {
        // the folder's own removal matters for nothing: an empty one is not a backup
        return errno == ENOENT ? Ok() : SyncIfThere(folder);
      }
    }
    return SyncIfThere(root_);
  }

 private:
  static Status ReadError(const std::string& name, int error) {
    if (error == ENOENT || error == ENOTDIR)
      return Error(Code::kNotFound, "OBJECT_NOT_FOUND", "there is no object '{}'", name);
    return os::ErrnoError("read object", name, error);
  }
  static Status SyncIfThere(const os::Path& folder) {
    Status synced = os::SyncDirectory(folder);
    if (synced.reason() == "NOT_FOUND") return Ok();
    return synced;
  }
  // What Puts that failed left below: they made folders and had no room for a file.
  static void RemoveEmptyFolders(const os::Path& folder) {
    const Result<std::vector<std::string>> entries = os::ListDirectory(folder);
    if (!entries.ok()) return;
    for (const std::string& entry : *entries) {
      struct stat info {};
      const os::Path inner = folder / entry;
      if (lstat(inner.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
      RemoveEmptyFolders(inner);
      RemoveTemporaries(inner);
      rmdir(inner.c_str());  // stays when something is in it
    }
  }
  // What a killed Put left beside the objects. Only when nothing else is in the folder, so no Put
  // of ours is at work there.
  static void RemoveTemporaries(const os::Path& folder) {
    const Result<std::vector<std::string>> entries = os::ListDirectory(folder);
    if (!entries.ok()) return;
    if (!std::all_of(entries->begin(), entries->end(),
                     [](const std::string& entry) { return entry.starts_with(kTemporary); }))
      return;
    for (const std::string& entry : *entries) unlink((folder / entry).c_str());
  }

  const os::Path root_;
};

}  // namespace

std::unique_ptr<ObjectStore> MakeFileStore(os::Path root) {
  return std::make_unique<FileStore>(std::move(root));
}

}  // namespace dbagent::storage
