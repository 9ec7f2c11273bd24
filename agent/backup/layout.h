#pragma once

#include <cstdint>
#include <string>

// Names of a backup's objects (README.md describes the format). All below `<instance>/<backup>/`.
namespace dbagent::backup {

inline constexpr std::uint32_t kFormat = 2;
inline constexpr std::size_t kChunksPerIndex = 4096;
// Source bytes of a frame: what one thread compresses at a time.
inline constexpr std::uint64_t kFrameBytes = 1ULL << 20U;
// A chunk is ended when it holds so many stored bytes; doubled every kChunksPerGrowth chunks, so
// that a large stream has not too many.
inline constexpr std::uint64_t kFirstChunkBytes = 4ULL << 20U;
inline constexpr std::uint64_t kLargestChunkBytes = 16ULL << 20U;
inline constexpr std::uint64_t kChunksPerGrowth = 256;
// A chunk of what compresses well holds at most so many times its size of the source.
inline constexpr std::uint64_t kMostExpansion = 8;
inline constexpr std::size_t kLargestManifestBytes = 64U << 20U;

std::string FolderOf(const std::string& instance, const std::string& backup);  // ends in /
inline constexpr const char* kManifestName = "manifest";
inline constexpr const char* kInProgressName = "in-progress";
inline constexpr const char* kDeletingName = "deleting";
inline constexpr const char* kVerifyFolder = "verify/";
inline constexpr const char* kRestoreLevel = "restore";  // of a verification
inline constexpr std::size_t kLargestMarkerBytes = 1U << 20U;
inline constexpr const char* kKeysFolder = "keys/";
inline constexpr const char* kChunksFolder = "chunks/";
inline constexpr const char* kIndexFolder = "index/";
// `chunks/0003-<attempt>/00000042.zst`, of an encrypted one `….zst.aes`.
std::string ChunkName(std::uint64_t stream, const std::string& attempt, std::uint64_t number,
                      bool encrypted);
// `index/0003-<attempt>/0000`
std::string IndexName(std::uint64_t stream, const std::string& attempt, std::uint64_t number);

// Of a logical backup of all databases: the users (datastores/user_text.h).
inline constexpr const char* kUsersStream = "users.sql";
// `databases/<name>.sql` with every byte but letters, digits, - and _ as %XX.
std::string StreamNameOfDatabase(const std::string& database);

}  // namespace dbagent::backup
