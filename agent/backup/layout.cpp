#include "agent/backup/layout.h"

#include <fmt/format.h>

#include <cctype>

namespace dbagent::backup {

std::string FolderOf(const std::string& instance, const std::string& backup) {
  return instance + "/" + backup + "/";
}

std::string ChunkName(std::uint64_t stream, const std::string& attempt, std::uint64_t number,
                      bool encrypted) {
  return fmt::format("{}{:04}-{}/{:08}.zst{}", kChunksFolder, stream, attempt, number,
                     encrypted ? ".aes" : "");
}

std::string IndexName(std::uint64_t stream, const std::string& attempt, std::uint64_t number) {
  return fmt::format("{}{:04}-{}/{:04}", kIndexFolder, stream, attempt, number);
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
