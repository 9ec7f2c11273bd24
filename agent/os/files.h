#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

// Files as an agent needs them: what is said to be written survives a power cut. All errors carry
// the path and errno's text; reasons: NOT_FOUND, NO_SPACE (ENOSPC, EDQUOT), PERMISSION_DENIED,
// IO_ERROR. Symlinks are followed unless said otherwise. Threads: any; nothing here has state.
namespace dbagent::os {

using Path = std::filesystem::path;

// `unable to <verb> '<path>': <errno text>` with the code and reason that fit errno.
Status ErrnoError(std::string_view verb, const Path& path, int error);

// The whole file, at most `limit` bytes (a larger file is an error, never a cut text).
Result<std::string> ReadFile(const Path& path, std::size_t limit = 16U << 20U);

// Writes beside the target, fsyncs, renames over it, fsyncs the directory: a reader sees the old or
// the new, whole.
Status WriteFileAtomic(const Path& path, std::string_view content, mode_t mode);

Status WriteAll(int fd, std::string_view data, const Path& name_for_errors);

// Creates `path` and its missing parents; a directory that exists keeps its mode. Each parent is
// fsynced.
Status MakeDirectories(const Path& path, mode_t mode);
Status SyncDirectory(const Path& path);
// Removes a file or a tree without following symlinks; what is not there is fine.
Status RemoveTree(const Path& path);
Status RemoveFile(const Path& path);
// What is in a directory; one that is missing is fine.
Status RemoveContents(const Path& path);
// Whether anything (a dangling symlink too) stands there; an error only when that cannot be told.
Result<bool> Exists(const Path& path);
// Names in a directory, sorted, without . and ..
Result<std::vector<std::string>> ListDirectory(const Path& path);
// Those of its names that are decimal numbers, ascending; a directory that is missing has none.
Result<std::vector<std::uint64_t>> ListNumbers(const Path& path);
Result<std::uint64_t> FreeBytes(const Path& path);

// An flock(2) held as long as the descriptor lives; nothing when another process holds it.
Result<std::optional<UniqueFd>> TryLockFile(const Path& path);

}  // namespace dbagent::os
