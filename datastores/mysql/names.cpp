#include "datastores/mysql/names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/base/bytes.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::size_t kDatabaseLimit = 64;
constexpr std::size_t kFileNameLimit = 255;

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

template <std::size_t N>
bool IsOneOf(std::string_view text, const std::array<std::string_view, N>& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

// What a database and a user have in common. `limit` counts characters.
Status CheckName(std::string_view noun, std::string_view name, std::size_t limit) {
  const auto invalid = [&](std::string cause) {
    return Error(Code::kInvalidArgument, "NAME_INVALID", "unable to use {} name '{}': {}", noun,
                 IsUtf8(name) ? name : "?", cause);
  };
  if (name.empty()) return invalid("it is empty");
  if (!IsUtf8(name)) return invalid("it is no valid UTF-8");
  if (name.find('\0') != std::string_view::npos) return invalid("it has a NUL");
  const CodePoints count = CountCodePoints(name);
  if (count.supplementary > 0)
    return invalid("the server cannot hold characters above U+FFFF (such as emoji)");
  if (count.all > limit)
    return invalid(fmt::format("it has {} characters, and {} is the limit", count.all, limit));
  if (name.back() == ' ') return invalid("it ends with a space");
  return Ok();
}

bool IsAddress(const std::string& text, int family) {
  in6_addr address{};
  return inet_pton(family, text.c_str(), &address) == 1;
}

// `192.0.2.0/255.255.255.0`, and `192.0.2.0/24` where the server knows it.
bool IsNetwork(const Dialect& dialect, const std::string& base, const std::string& mask) {
  if (!IsAddress(base, AF_INET)) return false;
  if (IsAddress(mask, AF_INET)) return true;
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), bits);
  return dialect.cidr_hosts() && error == std::errc() && end == mask.data() + mask.size() &&
         bits <= 32;
}

Status CheckHost(const Dialect& dialect, const std::string& host) {
  const auto invalid = [&](std::string cause) {
    return Error(Code::kInvalidArgument, "HOST_INVALID", "unable to use host '{}': {}",
                 IsUtf8(host) ? host : "?", cause)
        .WithHint(
            "a host is %, an address, a pattern such as 10.0.0.%, a network such as "
            "10.0.0.0/255.0.0.0, or a name");
  };
  if (host.size() > dialect.host_limit()) {
    return invalid(fmt::format("it has {} characters, and {} is the limit", host.size(),
                               dialect.host_limit()));
  }
  const std::size_t slash = host.find('/');
  if (slash != std::string::npos) {
    if (IsNetwork(dialect, host.substr(0, slash), host.substr(slash + 1))) return Ok();
    return invalid("it is no network");
  }
  for (char c : host) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view(".-_%:").find(c) != std::string_view::npos;
    if (!fits) return invalid("it has a character that no host has");
  }
  return Ok();
}

}  // namespace

bool IsReservedDatabase(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "mysql", "sys", "information_schema", "performance_schema", "lost+found", "ndbinfo"};
  const std::string lower = LowerCase(name);
  return IsOneOf(lower, kNames) || lower.starts_with("#mysql50#");
}

Status CheckDatabaseName(std::string_view name) {
  RETURN_IF_ERROR(CheckName("database", name, kDatabaseLimit));
  if (FileNameLength(name) > kFileNameLimit) {
    return Error(
        Code::kInvalidArgument, "NAME_INVALID",
        "unable to use database name '{}': as a file name it has {} bytes, and {} is the limit",
        name, FileNameLength(name), kFileNameLimit);
  }
  if (IsReservedDatabase(name)) {
    return Error(Code::kPermissionDenied, "NAME_RESERVED",
                 "unable to use database '{}': it is the server's own", name);
  }
  return Ok();
}

bool IsReservedUser(const ServerSettings& settings, std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "root", "mysql", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys"};
  return name.empty() || name == settings.os_user || name == settings.server_user ||
         IsOneOf(name, kNames) || LowerCase(name) == "public";
}

Status CheckUser(const Dialect& dialect, const ServerSettings& settings, const UserId& id) {
  RETURN_IF_ERROR(CheckName("user", id.name, dialect.user_name_limit()));
  if (IsReservedUser(settings, id.name)) {
    return Error(Code::kPermissionDenied, "NAME_RESERVED",
                 "unable to use user '{}': it is the server's or the agent's own", id.name);
  }
  return CheckHost(dialect, id.host);
}

Status CheckPassword(const Dialect& dialect, const Secret& password) {
  if (password.Reveal().find('\0') != std::string_view::npos) {
    return Error(Code::kInvalidArgument, "PASSWORD_INVALID",
                 "unable to use the password: it has a NUL byte");
  }
  const std::optional<std::size_t> limit = dialect.password_limit();
  if (!limit || password.size() <= *limit) return Ok();
  return Error(Code::kInvalidArgument, "PASSWORD_INVALID",
               "unable to use the password: it has {} bytes, and {} is the limit", password.size(),
               *limit);
}

UserId Normalised(UserId id) {
  id.host = id.host.empty() ? "%" : LowerCase(id.host);
  return id;
}

}  // namespace dbagent::datastore::mysql
