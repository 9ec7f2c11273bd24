#include "datastores/postgresql/names.h"

#include "agent/base/bytes.h"

namespace dbagent::datastore::postgresql {
namespace {

Status Invalid(std::string_view noun, std::string_view name, std::string_view why) {
  return Error(Code::kInvalidArgument, "NAME_INVALID", "unable to name a {} '{}': {}", noun,
               IsUtf8(name) && name.find('\0') == std::string_view::npos ? name : "?", why)
      .WithHint("names are 1 to 63 bytes of UTF-8 without NUL");
}

Status CheckForm(std::string_view noun, std::string_view name) {
  if (name.empty()) return Invalid(noun, name, "the name is empty");
  if (name.find('\0') != std::string_view::npos) return Invalid(noun, name, "it holds a NUL byte");
  if (!IsUtf8(name)) return Invalid(noun, name, "it is not valid UTF-8");
  if (name.size() > kMaxNameBytes) return Invalid(noun, name, "it is longer than 63 bytes");
  return Ok();
}

Status Reserved(std::string_view noun, std::string_view name) {
  return Error(Code::kPermissionDenied, "NAME_RESERVED",
               "unable to use {} '{}': the name is the server's own or the agent's", noun, name);
}

}  // namespace

Status CheckDatabaseName(std::string_view name) {
  RETURN_IF_ERROR(CheckForm("database", name));
  if (name == kMaintenanceDatabase || name == "template0" || name == "template1" ||
      name.starts_with(kUnfinishedPrefix)) {
    return Reserved("database", name);
  }
  return Ok();
}

Status CheckRoleName(std::string_view name, std::string_view agent) {
  RETURN_IF_ERROR(CheckForm("role", name));
  // `public` and `none` cannot name a role even quoted; the words CURRENT_USER and SESSION_USER
  // can.
  if (name == agent || name == "postgres" || name == kRootRole || name == "public" ||
      name == "none" || name.starts_with("pg_") || name == kOwnerRole || name == kHeirRole ||
      name.starts_with(kLoaderPrefix)) {
    return Reserved("role", name);
  }
  return Ok();
}

std::string IsOwnRole(std::string_view column) {
  return fmt::format("({0} IN ('{1}', '{2}') OR starts_with({0}, '{3}'))", column, kOwnerRole,
                     kHeirRole, kLoaderPrefix);
}

}  // namespace dbagent::datastore::postgresql
