#include "agent/backup/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace dbagent::backup {

std::uint64_t ChunkBytes(std::uint64_t number) {
  const std::uint64_t doublings = std::min<std::uint64_t>(number / kChunksPerGrowth, 8);
  return std::min(kFirstChunkBytes << doublings, kLargestChunkBytes);
}

std::string FolderOf(const std::string& instance, const std::string& backup) {
  return instance + "/" + backup + "/";
}

std::string ChunkName(std::uint64_t stream, std::uint64_t number) {
  return fmt::format("chunks/{:04}/{:08}.zst", stream, number);
}

std::string IndexName(std::uint64_t stream, std::uint64_t number) {
  return fmt::format("index/{:04}/{:04}", stream, number);
}

std::string StreamNameOfDatabase(const std::string& database) {
  std::string name = "databases/";
  for (const char c : database) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    name += plain ? std::string(1, c)
                  : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return name + ".sql";
}

}  // namespace dbagent::backup
