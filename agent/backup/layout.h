#pragma once

#include <cstdint>
#include <string>

// Names of a backup's objects (README.md describes the format). All below `<instance>/<backup>/`.
namespace dbagent::backup {

inline constexpr std::uint32_t kFormat = 1;
inline constexpr std::size_t kChunksPerIndex = 4096;
inline constexpr std::uint64_t kFirstChunkBytes = 4ULL << 20U;
inline constexpr std::uint64_t kLargestChunkBytes =
    16ULL << 20U;  // of the source; a frame is at most a little larger
inline constexpr std::size_t kChunksPerGrowth = 256;
inline constexpr std::size_t kLargestManifestBytes = 64U << 20U;

// How many source bytes chunk `number` holds at most: it doubles with the stream, so that a large
// one has not too many.
std::uint64_t ChunkBytes(std::uint64_t number);

std::string FolderOf(const std::string& instance, const std::string& backup);  // ends in /
inline constexpr const char* kManifestName = "manifest";
inline constexpr const char* kInProgressName = "in-progress";
inline constexpr const char* kDeletingName = "deleting";
inline constexpr const char* kVerifyFolder = "verify/";
inline constexpr std::size_t kLargestMarkerBytes = 1U << 20U;
std::string ChunkName(std::uint64_t stream, std::uint64_t number);  // `chunks/0003/00000042.zst`
std::string IndexName(std::uint64_t stream, std::uint64_t number);  // `index/0003/0000`

// Of a logical backup of all databases: the users (datastores/user_text.h).
inline constexpr const char* kUsersStream = "users.sql";
// `databases/<name>.sql` with every byte but letters, digits, - and _ as %XX.
std::string StreamNameOfDatabase(const std::string& database);

}  // namespace dbagent::backup
