#include "datastores/postgresql/dump_text.h"

#include <algorithm>

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

}  // namespace dbagent::datastore::postgresql
