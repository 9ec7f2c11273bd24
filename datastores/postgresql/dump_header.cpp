#include "datastores/postgresql/dump_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "agent/base/bytes.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/rights.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::string_view kMark = "-- dbagent-";
constexpr std::string_view kRole = "-- dbagent-role ";
constexpr std::string_view kGrant = "-- dbagent-grant ";
constexpr std::string_view kFirst = "-- dbagent-dump 1";
constexpr std::size_t kMaxHeader = 64U << 20U;

std::optional<std::string> RoleFromHex(std::string_view hex) {
  std::string name;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    unsigned value = 0;
    const std::string_view digits = hex.substr(at, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + 2 || value == 0) return std::nullopt;
    name += static_cast<char>(value);
  }
  if (name.empty() || name.size() > kMaxNameBytes || !IsUtf8(name)) return std::nullopt;
  return name;
}

// `CONNECT, TEMPORARY`: goes into SQL, so nothing else may stand here.
bool AreDatabaseWords(std::string_view words) {
  const Rights::Words known = RightsOfSet(PrivilegeSet::kAll, 15).of(Kind::kDatabase);
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(", "), words.size());
    if (!known.contains(std::string(words.substr(0, end)))) return false;
    words.remove_prefix(std::min(end + 2, words.size()));
  }
  return true;
}

bool TakeLine(std::string_view line, DumpHeader& header) {
  if (line == kFirst) return true;
  if (line.starts_with(kRole)) {
    const std::optional<std::string> role = RoleFromHex(line.substr(kRole.size()));
    if (role) header.roles.push_back(*role);
    return role.has_value();
  }
  if (!line.starts_with(kGrant)) return false;
  line.remove_prefix(kGrant.size());
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::optional<std::string> role = RoleFromHex(line.substr(0, space));
  const std::string_view words = line.substr(std::min(space + 1, line.size()));
  if (!role || words.empty() || !AreDatabaseWords(words)) return false;
  header.grants[*role] = words;
  return true;
}

}  // namespace

std::string WriteHeader(const DumpHeader& header) {
  std::string text = std::string(kFirst) + "\n";
  for (const std::string& role : header.roles)
    text += std::string(kRole) + ToHex(AsBytes(role)) + "\n";
  for (const auto& [role, words] : header.grants)
    text += std::string(kGrant) + ToHex(AsBytes(role)) + " " + words + "\n";
  return text;
}

Result<bool> HeaderSource::Fill(const OpContext& ctx) {
  std::array<std::byte, 16384> buffer;
  ASSIGN_OR_RETURN(const std::size_t got, inner_.Read(ctx, buffer));
  ahead_.append(AsText(Bytes(buffer).first(got)));
  return got > 0;
}

Result<DumpHeader> HeaderSource::ReadHeader(const OpContext& ctx) {
  DumpHeader header;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = ahead_.find('\n', begin);
    const std::string_view line =
        std::string_view(ahead_).substr(begin, end == std::string::npos ? end : end - begin);
    const bool may_become_ours = end == std::string::npos && kMark.starts_with(line);
    const bool is_ours = line.starts_with(kMark) || may_become_ours;
    if (!is_ours) break;
    if (end == std::string::npos) {  // not yet whole
      ASSIGN_OR_RETURN(const bool more, Fill(ctx));
      if (more && ahead_.size() < kMaxHeader) continue;
      if (!more && !line.starts_with(kMark)) break;
    }
    if (end == std::string::npos || !TakeLine(line, header)) {
      return Error(Code::kDataLoss, "CORRUPT_DUMP", "unable to read the head of the dump");
    }
    begin = end + 1;
  }
  ahead_.erase(0, begin);
  return header;
}

Result<std::string_view> HeaderSource::Peek(const OpContext& ctx, std::size_t bytes) {
  while (ahead_.size() < bytes) {
    ASSIGN_OR_RETURN(const bool more, Fill(ctx));
    if (!more) break;
  }
  return std::string_view(ahead_);
}

Result<std::size_t> HeaderSource::Read(const OpContext& ctx, std::span<std::byte> buffer) {
  if (ahead_.empty()) return inner_.Read(ctx, buffer);
  const std::size_t count = std::min(buffer.size(), ahead_.size());
  std::memcpy(buffer.data(), ahead_.data(), count);
  ahead_.erase(0, count);
  return count;
}

}  // namespace dbagent::datastore::postgresql
