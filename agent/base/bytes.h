#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dbagent {

using Bytes = std::span<const std::byte>;

inline Bytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string ToHex(Bytes bytes);

// RFC 4648 base64url without padding; FromBase64Url answers nothing for a text that is not.
std::string ToBase64Url(Bytes bytes);
std::optional<std::string> FromBase64Url(std::string_view text);

// `1.5 GiB`, for people.
std::string FormatBytes(std::uint64_t bytes);

// Whether `text` is well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
bool IsUtf8(std::string_view text);
// Number of code points of a well-formed text; supplementary ones (above U+FFFF) counted apart.
struct CodePoints {
  std::size_t all = 0;
  std::size_t supplementary = 0;
};
CodePoints CountCodePoints(std::string_view utf8);

}  // namespace dbagent
