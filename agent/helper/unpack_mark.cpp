#include "agent/helper/unpack_mark.h"

#include <charconv>

namespace dbagent::helper {
namespace {
constexpr std::size_t kLongestMark = 32;
}

Result<UnpackMark> UnpackMark::Open(os::Path file, std::chrono::milliseconds interval) {
  UnpackMark mark(std::move(file), interval);
  ASSIGN_OR_RETURN(mark.again_, os::Exists(mark.file_));
  if (!mark.again_) {
    RETURN_IF_ERROR(mark.Write("0"));
    return mark;
  }
  const Result<std::string> text = os::ReadFile(mark.file_, kLongestMark);
  if (!text.ok() && text.status().reason() == "FILE_TOO_LARGE") return mark;
  if (!text.ok()) return text.status();
  std::uint64_t begin = 0;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, begin);
  if (error == std::errc() && std::string_view(rest, end) == "\n") mark.begin_ = begin;
  return mark;
}

Status UnpackMark::Write(const std::string& text) const {
  return os::WriteFileAtomic(file_, text + "\n", 0600);
}

Status UnpackMark::Pass(std::uint64_t at, Beneath& into) {
  const auto now = std::chrono::steady_clock::now();
  if (now < written_ + interval_) return Ok();
  RETURN_IF_ERROR(into.Sync());
  RETURN_IF_ERROR(Write(std::to_string(at)));
  written_ = std::chrono::steady_clock::now();
  return Ok();
}

}  // namespace dbagent::helper
