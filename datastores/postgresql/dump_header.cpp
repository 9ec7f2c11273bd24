#include "datastores/postgresql/dump_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "agent/base/bytes.h"
#include "datastores/postgresql/names.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::string_view kMark = "-- dbagent-";
constexpr std::string_view kRole = "-- dbagent-role ";
constexpr std::string_view kExtension = "-- dbagent-extension ";
constexpr std::string_view kFirst = "-- dbagent-dump 2 ";
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kMaxHeader = 64U << 20U;

std::optional<std::string> NameFromHex(std::string_view hex) {
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

// What is between the spaces.
std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

bool TakeExtension(std::string_view line, DumpHeader& header) {
  const std::vector<std::string_view> words = Words(line);
  if (words.size() != 3) return false;
  const std::optional<std::string> name = NameFromHex(words[0]);
  const std::optional<std::string> schema = NameFromHex(words[1]);
  const std::optional<std::string> owner = words[2] == "-" ? "" : NameFromHex(words[2]);
  if (!name || !schema || !owner) return false;
  header.extensions.push_back({*name, *schema, *owner});
  return true;
}

bool TakeLine(std::string_view line, DumpHeader& header) {
  if (line.starts_with(kFirst)) {
    header.token = line.substr(kFirst.size());
    return header.token.size() >= kTokenBytes && header.token.find(' ') == std::string::npos;
  }
  if (line.starts_with(kRole)) {
    const std::optional<std::string> role = NameFromHex(line.substr(kRole.size()));
    if (role) header.roles.push_back(*role);
    return role.has_value();
  }
  return line.starts_with(kExtension) && TakeExtension(line.substr(kExtension.size()), header);
}

std::string Hex(const std::string& name) {
  return name.empty() ? "-" : ToHex(AsBytes(name));
}

}  // namespace

std::string TailLine(const std::string& token) {
  return "\n-- dbagent-tail " + token + "\n";
}
std::string EndLine(const std::string& token) {
  return "-- dbagent-end " + token + "\n";
}

std::string WriteHeader(const DumpHeader& header) {
  std::string text = std::string(kFirst) + header.token + "\n";
  for (const std::string& role : header.roles) text += std::string(kRole) + Hex(role) + "\n";
  for (const DumpedExtension& extension : header.extensions) {
    text += fmt::format("{}{} {} {}\n", kExtension, Hex(extension.name), Hex(extension.schema),
                        Hex(extension.owner));
  }
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
