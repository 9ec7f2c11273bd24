#include "datastores/postgresql/dump_text.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dbagent::datastore::postgresql {
namespace {
constexpr std::size_t kEndingBytes = 512;
constexpr std::string_view kRestrict = "\n\\restrict ";
constexpr std::string_view kComplete = "\n-- PostgreSQL database dump complete\n--";
}  // namespace

std::string RestrictToken(std::string_view beginning) {
  beginning = beginning.substr(0, kBeginningBytes);
  const std::size_t at = beginning.find(kRestrict);
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + kRestrict.size();
  const std::size_t end = beginning.find('\n', begin);
  return end == std::string_view::npos ? "" : std::string(beginning.substr(begin, end - begin));
}

Status EndingSink::Write(const OpContext& ctx, Bytes data) {
  RETURN_IF_ERROR(inner_.Write(ctx, data));
  const std::string_view text = AsText(data);
  beginning_ += text.substr(0, kBeginningBytes - std::min(kBeginningBytes, beginning_.size()));
  ending_ += text.substr(text.size() - std::min(text.size(), kEndingBytes));
  if (ending_.size() > kEndingBytes) ending_.erase(0, ending_.size() - kEndingBytes);
  return Ok();
}

bool EndingSink::IsComplete(const std::string& token) const {
  std::string_view text = ending_;
  if (!text.ends_with('\n')) return false;
  text = text.substr(0, text.find_last_not_of('\n') + 1);
  if (token.empty()) return text.ends_with(kComplete);
  return text.ends_with(std::string(kComplete) + "\n\n\\unrestrict " + token);
}

Result<std::size_t> SplitSource::Read(const OpContext& ctx, std::span<std::byte> buffer) {
  std::size_t ready = 0;
  for (;;) {
    if (found_) {
      ready = passed_ ? ahead_.size() : 0;
      if (!passed_) return std::size_t{0};
    } else if (const std::size_t at = mark_.empty() ? std::string::npos : ahead_.find(mark_);
               at == 0) {
      found_ = true;
      ahead_.erase(0, mark_.size());
      return std::size_t{0};
    } else if (at != std::string::npos) {
      ready = at;
    } else {
      // its last bytes may be the beginning of the mark
      const std::size_t kept = ended_ || mark_.empty() ? 0 : mark_.size() - 1;
      ready = ahead_.size() - std::min(kept, ahead_.size());
    }
    if (ready > 0 || ended_) break;
    std::array<std::byte, 65536> chunk;
    ASSIGN_OR_RETURN(const std::size_t got, inner_.Read(ctx, chunk));
    ended_ = got == 0;
    ahead_.append(AsText(Bytes(chunk).first(got)));
  }
  const std::size_t count = std::min(ready, buffer.size());
  std::memcpy(buffer.data(), ahead_.data(), count);
  ahead_.erase(0, count);
  return count;
}

}  // namespace dbagent::datastore::postgresql
