#include "agent/storage/object_store.h"

#include <cctype>

namespace dbagent::storage {

Status CheckObjectName(const std::string& name) {
  const auto invalid = [&](std::string_view why) {
    return Error(Code::kInvalidArgument, "NAME_INVALID", "'{}' cannot name an object: {}", name,
                 why);
  };
  if (name.empty() || name.size() > 1024) return invalid("it has no bytes, or more than 1024");
  std::size_t part_start = 0;
  for (std::size_t at = 0; at <= name.size(); ++at) {
    if (at == name.size() || name[at] == '/') {
      const std::string_view part = std::string_view(name).substr(part_start, at - part_start);
      if (part.empty() || part == "." || part == ".." || part.size() > 255)
        return invalid("a part of it is empty, . or .., or too long");
      part_start = at + 1;
    } else if (std::isalnum(static_cast<unsigned char>(name[at])) == 0 &&
               std::string_view("-_.%=").find(name[at]) == std::string_view::npos) {
      return invalid("it has other characters than letters, digits and - _ . % =");
    }
  }
  return Ok();
}

bool IsRefusal(const Status& problem) {
  return problem.reason() == "CREDENTIALS_REFUSED" || problem.reason() == "PERMISSION_DENIED";
}

Status ObjectStore::RemoveAll(const OpContext& ctx, const std::vector<std::string>& names) {
  for (const std::string& name : names) RETURN_IF_ERROR(Remove(ctx, name));
  return Ok();
}

Status ListAll(ObjectStore& store, const OpContext& ctx, const std::string& prefix,
               const std::function<Status(const Listed&)>& each) {
  for (ListPage page;;) {
    ASSIGN_OR_RETURN(const std::vector<Listed> names, store.List(ctx, prefix, page));
    for (const Listed& listed : names) RETURN_IF_ERROR(each(listed));
    if (names.size() < page.limit) return Ok();
    page.after = names.back().name;
  }
}

}  // namespace dbagent::storage
