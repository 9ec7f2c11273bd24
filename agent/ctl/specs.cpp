#include "agent/ctl/specs.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "agent/base/quantity.h"
#include "agent/ctl/password.h"

namespace dbagent::ctl {
namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

v1::PrivilegeSet SetOf(const std::string& word) {
  if (word == "read-only") return v1::READ_ONLY;
  if (word == "read-write") return v1::READ_WRITE;
  if (word == "all") return v1::ALL;
  return v1::PRIVILEGE_SET_UNSPECIFIED;
}

}  // namespace

v1::UserName ReadUserName(const std::string& text) {
  v1::UserName name;
  const std::size_t at = text.rfind('@');
  name.set_name(text.substr(0, at));
  if (at != std::string::npos) name.set_host(text.substr(at + 1));
  return name;
}

std::string ShowUserName(const v1::UserName& name) {
  return name.host().empty() ? name.name() : name.name() + "@" + name.host();
}

Result<v1::DatabaseGrant> ReadGrant(const std::string& database, const std::string& what) {
  v1::DatabaseGrant grant;
  grant.set_database(database);
  grant.set_set(SetOf(what));
  if (grant.set() != v1::PRIVILEGE_SET_UNSPECIFIED) return grant;
  for (const std::string& word : Split(what)) {
    if (word.empty())
      return Error(Code::kInvalidArgument, "USAGE",
                   "'{}' is neither read-only, read-write, all nor a list of privileges", what);
    grant.add_privileges(word);
  }
  return grant;
}

std::string ShowPrivileges(const v1::DatabaseGrant& grant) {
  std::string text = grant.set() == v1::READ_ONLY    ? "read-only"
                     : grant.set() == v1::READ_WRITE ? "read-write"
                     : grant.set() == v1::ALL        ? "all"
                                                     : "";
  for (const std::string& privilege : grant.privileges())
    text += (text.empty() ? "" : ", ") + privilege;
  return text;
}

Status ReadNewUser(const std::string& text, v1::NewUser& out) {
  static constexpr std::string_view kPasswordFile = "password-file=";
  const std::vector<std::string> parts = Split(text);
  *out.mutable_user()->mutable_id() = ReadUserName(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos)
      return Error(Code::kInvalidArgument, "USAGE", "'{}' of '{}' has no =", part, text);
    if (part.starts_with(kPasswordFile)) {
      ASSIGN_OR_RETURN(
          const Secret password,
          ReadPassword({part.substr(kPasswordFile.size()), -1, false}, parts[0], true));
      out.set_password(std::string(password.Reveal()));
    } else {
      ASSIGN_OR_RETURN(*out.add_grants(),
                       ReadGrant(part.substr(0, equals), part.substr(equals + 1)));
    }
  }
  return Ok();
}

std::uint64_t ReadSize(const std::string& option, const std::string& text) {
  if (text.empty()) return 0;
  const std::optional<WideInteger> size = ParseQuantity(text, "B");
  if (!size || *size < 0)
    throw CLI::ValidationError(option, "'" + text + "' is no size; write it like 8MiB");
  return static_cast<std::uint64_t>(*size);
}

}  // namespace dbagent::ctl
