#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "agent/helper/unpack.h"

namespace dbagent::helper {
namespace {

constexpr std::size_t kReadBytes = 256U << 10U;

using ArchivePtr = std::unique_ptr<archive, int (*)(archive*)>;

Status Corrupt(archive* reader) {
  const char* why = archive_error_string(reader);
  return Error(Code::kDataLoss, "ARCHIVE_CORRUPT", "unable to unpack: the tar is broken: {}",
               why == nullptr ? "it ends too early" : why);
}

// `./base/1` → `base/1`
std::string Canonical(const char* path) {
  std::string name = path == nullptr ? "" : path;
  while (name.starts_with("./")) name.erase(0, 2);
  while (name.ends_with('/')) name.pop_back();
  return name;
}

// Holes stay holes: only what the archive holds is written.
Status WriteMember(archive* reader, const std::string& name, std::int64_t size, Beneath& into) {
  ASSIGN_OR_RETURN(const UniqueFd file, into.CreateFile(name));
  std::int64_t end = 0;
  for (;;) {
    const void* data = nullptr;
    std::size_t length = 0;
    std::int64_t offset = 0;
    const int read = archive_read_data_block(reader, &data, &length, &offset);
    if (read == ARCHIVE_EOF) break;
    if (read != ARCHIVE_OK) return Corrupt(reader);
    RETURN_IF_ERROR(WriteAt(file.get(), static_cast<const char*>(data), length, offset, name));
    end = offset + static_cast<std::int64_t>(length);
  }
  if (end != size && ftruncate(file.get(), size) != 0) return os::ErrnoError("write", name, errno);
  return Ok();
}

Status UnpackMember(archive* reader, archive_entry* entry, Beneath& into,
                    const UnpackOptions& options) {
  const std::string name = Canonical(archive_entry_pathname(entry));
  const auto refused = [&](std::string_view why) {
    return Error(Code::kDataLoss, "ARCHIVE_REFUSED", "unable to unpack '{}': {}", name, why);
  };
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr)
    return refused("it is a link, and no backup of ours holds one");
  const auto type = archive_entry_filetype(entry);
  if (type == AE_IFDIR) {
    if (name.empty() || name == "." || IsLeftOut(name, options)) return Ok();
    return into.MakeDirectory(name);
  }
  if (type != AE_IFREG) return refused("it is neither a file nor a directory");
  RETURN_IF_ERROR(CheckMemberName(name));
  if (IsLeftOut(name, options)) return Ok();
  return WriteMember(reader, name, archive_entry_size(entry), into);
}

}  // namespace

bool IsLeftOut(const std::string& name, const UnpackOptions& options) {
  return options.leave_out.contains(name.substr(0, name.find('/')));
}

Status PutFile(int fd, Beneath& into, const std::string& name) {
  RETURN_IF_ERROR(into.RemoveFile(name));
  ASSIGN_OR_RETURN(const UniqueFd file, into.CreateFile(name));
  std::vector<char> piece(kReadBytes);
  std::int64_t at = 0;
  for (;;) {
    const ssize_t count = read(fd, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::ErrnoError("read", "the input", errno);
    if (count == 0) return into.Sync();
    RETURN_IF_ERROR(WriteAt(file.get(), piece.data(), static_cast<std::size_t>(count), at, name));
    at += count;
  }
}

Status UnpackTar(int fd, Beneath& into, const UnpackOptions& options) {
  const ArchivePtr reader(archive_read_new(), archive_read_free);
  if (reader == nullptr) throw std::bad_alloc();
  if (archive_read_support_format_tar(reader.get()) != ARCHIVE_OK ||
      archive_read_open_fd(reader.get(), fd, kReadBytes) != ARCHIVE_OK)
    return Corrupt(reader.get());
  for (;;) {
    archive_entry* entry = nullptr;
    const int read = archive_read_next_header(reader.get(), &entry);
    if (read == ARCHIVE_EOF) break;
    if (read != ARCHIVE_OK) return Corrupt(reader.get());
    if (options.mark != nullptr) {
      const la_int64_t at = archive_read_header_position(reader.get());
      RETURN_IF_ERROR(
          options.mark->Pass(options.mark->begin() + static_cast<std::uint64_t>(at), into));
    }
    RETURN_IF_ERROR(UnpackMember(reader.get(), entry, into, options));
  }
  // what pads the archive's end is read too, or who writes it would meet a closed pipe
  std::vector<char> rest(kReadBytes);
  ssize_t count = 0;
  do count = read(fd, rest.data(), rest.size());
  while (count > 0 || (count < 0 && errno == EINTR));
  if (count < 0) return os::ErrnoError("read", "the archive", errno);
  return into.Sync();
}

}  // namespace dbagent::helper
