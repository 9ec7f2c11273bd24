#pragma once

#include <filesystem>
#include <string>

namespace dbagent::tests {

// Chunks and indexes lie in a folder with a random part, `chunks/0003-<attempt>/`. Tests name them
// without it: `chunks/0003/00000000.zst`.
inline std::filesystem::path FileOfObject(const std::filesystem::path& backup,
                                          const std::string& name) {
  const std::filesystem::path plain = backup / name;
  const std::filesystem::path parent = plain.parent_path();
  std::error_code none_there;
  for (const auto& entry : std::filesystem::directory_iterator(parent.parent_path(), none_there)) {
    if (entry.path().filename().native().starts_with(parent.filename().native() + "-"))
      return entry.path() / plain.filename();
  }
  return plain;
}

// A text with such names as tests have them.
inline std::string PlainName(std::string text) {
  constexpr std::size_t kDigits = 32;
  for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at + 1)) {
    const std::size_t end = text.find_first_not_of("0123456789abcdef", at + 1);
    if (end == at + 1 + kDigits && text[end] == '/') text.erase(at, kDigits + 1);
  }
  return text;
}

}  // namespace dbagent::tests
