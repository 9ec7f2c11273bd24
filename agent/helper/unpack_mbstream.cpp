#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "agent/helper/unpack.h"

namespace dbagent::helper {
namespace {

constexpr std::string_view kMagic = "XBSTCK01";
constexpr std::size_t kHeaderBytes = 14, kPayloadHeaderBytes = 20, kLongestName = 4096;
constexpr std::uint8_t kIgnorable = 0x01;
constexpr std::size_t kBufferBytes = 256U << 10U;

template <typename... Args>
Status Corrupt(fmt::format_string<Args...> why, Args&&... args) {
  return Error(Code::kDataLoss, "ARCHIVE_CORRUPT", "unable to unpack: the mbstream is broken: {}",
               fmt::format(why, std::forward<Args>(args)...));
}

std::uint64_t LittleEndian(const unsigned char* bytes, int count) {
  std::uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8U | bytes[i];
  return value;
}

class Reader {
 public:
  Reader(int fd, std::uint64_t begin) : fd_(fd), at_(begin) {}

  // Up to `wanted` bytes; fewer only at the end.
  Result<std::size_t> Read(unsigned char* into, std::size_t wanted) {
    std::size_t have = 0;
    while (have < wanted) {
      const ssize_t count = read(fd_, into + have, wanted - have);
      if (count == 0) break;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return os::ErrnoError("read", "the archive", errno);
      have += static_cast<std::size_t>(count);
    }
    at_ += have;
    return have;
  }
  Status ReadAll(unsigned char* into, std::size_t wanted) {
    ASSIGN_OR_RETURN(const std::size_t have, Read(into, wanted));
    if (have == wanted) return Ok();
    return Corrupt("it ends too early, at byte {}", at_);
  }
  std::uint64_t at() const { return at_; }

 private:
  const int fd_;
  std::uint64_t at_;
};

struct OpenFile {
  UniqueFd fd;  // none when it is left out
  // Nothing: what stands before the first piece that is seen is of an earlier unpacking.
  std::optional<std::uint64_t> size = 0;
};

class Unpacker {
 public:
  Unpacker(int fd, Beneath& into, const UnpackOptions& options)
      : reader_(fd, options.mark == nullptr ? 0 : options.mark->begin()),
        into_(into),
        options_(options),
        buffer_(kBufferBytes) {}

  Status Run() {
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, Chunk());
      if (!more) break;
      if (options_.mark != nullptr) RETURN_IF_ERROR(options_.mark->Pass(reader_.at(), into_));
    }
    if (!open_.empty()) return Corrupt("the end of '{}' is missing", open_.begin()->first);
    return into_.Sync();
  }

 private:
  Result<bool> Chunk() {
    unsigned char header[kHeaderBytes];
    ASSIGN_OR_RETURN(const std::size_t have, reader_.Read(header, sizeof header));
    if (have == 0) return false;
    if (have < sizeof header) return Corrupt("it ends too early, at byte {}", reader_.at());
    if (std::memcmp(header, kMagic.data(), kMagic.size()) != 0)
      return Corrupt("no chunk begins before byte {}", reader_.at());
    const std::uint8_t flags = header[8];
    const char type = static_cast<char>(header[9]);
    const std::uint64_t length = LittleEndian(header + 10, 4);
    if (length == 0 || length > kLongestName)
      return Corrupt("a name of {} bytes before byte {}", length, reader_.at());
    std::string name(length, '\0');
    RETURN_IF_ERROR(reader_.ReadAll(reinterpret_cast<unsigned char*>(name.data()), length));
    while (name.starts_with("./")) name.erase(0, 2);
    RETURN_IF_ERROR(CheckMemberName(name));
    if (type == 'E') {
      RETURN_IF_ERROR(Open(name).status());  // an empty file has no payload
      open_.erase(name);
      return true;
    }
    if (type != 'P' && (flags & kIgnorable) == 0)
      return Corrupt("chunk of unknown type '{}'", type);
    RETURN_IF_ERROR(Payload(type == 'P' ? name : std::string()));
    return true;
  }

  Result<OpenFile*> Open(const std::string& name) {
    const auto found = open_.find(name);
    if (found != open_.end()) return &found->second;
    OpenFile file;
    if (!IsLeftOut(name, options_)) {
      ASSIGN_OR_RETURN(file.fd, into_.OpenFile(name));
    }
    if (options_.mark != nullptr && options_.mark->again()) file.size.reset();
    return &open_.emplace(name, std::move(file)).first->second;
  }

  static Status GoOn(const OpenFile& file, const std::string& name, std::uint64_t offset) {
    if (file.size && offset != *file.size)
      return Corrupt("'{}' goes on at {}, not at {}", name, offset, *file.size);
    if (file.size || !file.fd.valid() || ftruncate(file.fd.get(), static_cast<off_t>(offset)) == 0)
      return Ok();
    return os::ErrnoError("write", name, errno);
  }

  // Written while its checksum is taken: what is wrong is told before anybody uses the directory.
  Status Payload(const std::string& name) {
    unsigned char header[kPayloadHeaderBytes];
    RETURN_IF_ERROR(reader_.ReadAll(header, sizeof header));
    std::uint64_t left = LittleEndian(header, 8);
    std::uint64_t offset = LittleEndian(header + 8, 8);
    const auto expected = static_cast<uLong>(LittleEndian(header + 16, 4));
    OpenFile* file = nullptr;
    if (!name.empty()) {
      ASSIGN_OR_RETURN(file, Open(name));
      RETURN_IF_ERROR(GoOn(*file, name, offset));
      file->size = offset + left;
    }
    uLong checksum = crc32(0, nullptr, 0);
    while (left > 0) {
      const std::size_t piece = std::min<std::uint64_t>(left, buffer_.size());
      RETURN_IF_ERROR(reader_.ReadAll(buffer_.data(), piece));
      checksum = crc32(checksum, buffer_.data(), static_cast<uInt>(piece));
      if (file != nullptr && file->fd.valid()) {
        RETURN_IF_ERROR(WriteAt(file->fd.get(), reinterpret_cast<const char*>(buffer_.data()),
                                piece, static_cast<std::int64_t>(offset), name));
      }
      offset += piece;
      left -= piece;
    }
    if (checksum != expected) return Corrupt("wrong checksum of '{}' before {}", name, offset);
    return Ok();
  }

  Reader reader_;
  Beneath& into_;
  const UnpackOptions& options_;
  std::vector<unsigned char> buffer_;
  std::map<std::string, OpenFile> open_;
};

}  // namespace

Status UnpackMbstream(int fd, Beneath& into, const UnpackOptions& options) {
  return Unpacker(fd, into, options).Run();
}

}  // namespace dbagent::helper
