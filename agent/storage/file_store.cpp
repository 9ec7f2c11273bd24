#include "agent/storage/file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "agent/base/ids.h"
#include "agent/os/files.h"

namespace dbagent::storage {
namespace {

constexpr std::string_view kTemporary =
    ".new-";  // never the beginning of an object's name: a listing skips it

constexpr std::size_t kSlice = 1U << 20U;  // between two looks at whether to go on
constexpr int kAttempts = 100;

class FileStore : public ObjectStore {
 public:
  explicit FileStore(os::Path root) : root_(std::move(root)) {}

  Status Put(const OpContext& ctx, const std::string& name, const Content& content) override {
    return Store(ctx, name, content.bytes, RENAME_NOREPLACE);
  }
  Status Replace(const OpContext& ctx, const std::string& name, Bytes content) override {
    return Store(ctx, name, content, 0);
  }

  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    // a pipe of that name would be waited for
    const UniqueFd fd(open((root_ / name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return ReadError(name, errno);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return ReadError(name, errno);
    if (!S_ISREG(info.st_mode)) return ReadError(name, ENOENT);
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size > limit) {
      return Error(Code::kOutOfRange, "OBJECT_TOO_LARGE",
                   "object '{}' has {} bytes, at most {} are expected", name, size, limit);
    }
    std::vector<std::byte> content(size);
    std::size_t have = 0;
    while (have < size) {
      RETURN_IF_ERROR(ctx.Poll());
      const ssize_t got = read(fd.get(), content.data() + have, std::min(kSlice, size - have));
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
    struct stat info {};
    if (stat((root_ / name).c_str(), &info) == 0) return S_ISREG(info.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os::ErrnoError("look at object", name, errno);
  }

  // A directory has no order, so each page reads all of it, and keeps only what it will answer.
  Result<std::vector<Listed>> List(const OpContext& ctx, const std::string& prefix,
                                   const ListPage& page) override {
    RETURN_IF_ERROR(ctx.Poll());
    const os::Path folder = root_ / prefix;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()), closedir);
    std::set<std::string> first;
    if (!directory) {
      if (errno == ENOENT || errno == ENOTDIR) return std::vector<Listed>();
      return os::ErrnoError("list", folder, errno);
    }
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(directory.get());
      if (entry == nullptr && errno != 0) return os::ErrnoError("list", folder, errno);
      if (entry == nullptr) break;
      std::string name = entry->d_name;
      if (name.starts_with(kTemporary) || !CheckObjectName(name).ok()) continue;
      struct stat info {};
      const bool known = entry->d_type == DT_REG || entry->d_type == DT_DIR;
      if (!known && fstatat(dirfd(directory.get()), name.c_str(), &info, 0) != 0) continue;
      const bool is_folder = known ? entry->d_type == DT_DIR : S_ISDIR(info.st_mode);
      if (!is_folder && !known && !S_ISREG(info.st_mode)) continue;  // a pipe, a device
      if (is_folder) name += '/';
      if (prefix + name <= page.after) continue;
      first.insert(std::move(name));
      if (first.size() > page.limit) first.erase(std::prev(first.end()));
    }
    std::vector<Listed> names;
    for (const std::string& name : first) {
      struct stat info {};
      Listed listed{prefix + name, 0};
      if (!listed.folder() && fstatat(dirfd(directory.get()), name.c_str(), &info, 0) == 0)
        listed.bytes = static_cast<std::uint64_t>(info.st_size);
      names.push_back(std::move(listed));
    }
    return names;
  }

  Status Remove(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(CheckObjectName(name));
    RETURN_IF_ERROR(ctx.Poll());
    const os::Path target = root_ / name;
    if (unlink(target.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
      return os::ErrnoError("remove", target, errno);
    for (os::Path folder = target.parent_path(); folder != root_ && folder.has_parent_path();
         folder = folder.parent_path()) {
      // the folder's own removal matters for nothing: an empty one is not a backup
      if (!RemoveIfEmpty(folder)) return SyncIfThere(folder);
    }
    return SyncIfThere(root_);
  }

 private:
  // Beside its place, whole, then renamed. A Remove may take the folder away while it is empty; it
  // is made again then.
  Status Store(const OpContext& ctx, const std::string& name, Bytes content,
               unsigned rename_flags) {
    RETURN_IF_ERROR(CheckObjectName(name));
    const os::Path target = root_ / name;
    for (int attempt = 1;; ++attempt) {
      RETURN_IF_ERROR(ctx.Poll());
      const os::Path temporary = target.parent_path() / (std::string(kTemporary) + NewUuid());
      Status stored = os::MakeDirectories(target.parent_path(), 0700);
      if (stored.ok()) stored = WriteAndRename(ctx, temporary, name, content, rename_flags);
      if (stored.ok()) return os::SyncDirectory(target.parent_path());
      unlink(temporary.c_str());
      if (stored.reason() != "NOT_FOUND" || attempt == kAttempts) return stored;
    }
  }
  Status WriteAndRename(const OpContext& ctx, const os::Path& temporary, const std::string& name,
                        Bytes content, unsigned rename_flags) {
    const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.valid()) return os::ErrnoError("create", temporary, errno);
    while (!content.empty()) {
      RETURN_IF_ERROR(ctx.Poll());
      const Bytes slice = content.first(std::min(kSlice, content.size()));
      RETURN_IF_ERROR(os::WriteAll(fd.get(), AsText(slice), root_ / name));
      content = content.subspan(slice.size());
    }
    RETURN_IF_ERROR(ctx.Poll());
    if (fsync(fd.get()) != 0) return os::ErrnoError("sync", temporary, errno);
    // a backup must not push the database's pages out of the machine's memory
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, (root_ / name).c_str(), rename_flags) == 0)
      return Ok();
    if (errno == EEXIST) {
      return Error(Code::kAlreadyExists, "OBJECT_EXISTS",
                   "unable to store object '{}': it exists already", name);
    }
    return os::ErrnoError("rename", temporary, errno);
  }
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
  // Whether the folder is gone. What Puts that failed or were killed left counts as nothing: empty
  // folders, files beside their place. A Put at work in it makes its folder and file again. Ends at
  // the first object, so that emptying a large folder stays cheap.
  static bool RemoveIfEmpty(const os::Path& folder) {
    if (rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()), closedir);
    if (!directory) return errno == ENOENT;
    std::vector<std::string> temporaries;
    while (const dirent* entry = readdir(directory.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (name.starts_with(kTemporary)) {
        temporaries.push_back(name);
        continue;
      }
      struct stat info {};
      if (fstatat(dirfd(directory.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISDIR(info.st_mode) || !RemoveIfEmpty(folder / name)) return false;
    }
    for (const std::string& name : temporaries) unlink((folder / name).c_str());
    return rmdir(folder.c_str()) == 0 || errno == ENOENT;
  }

  const os::Path root_;
};

}  // namespace

std::unique_ptr<ObjectStore> MakeFileStore(os::Path root) {
  return std::make_unique<FileStore>(std::move(root));
}

}  // namespace dbagent::storage
