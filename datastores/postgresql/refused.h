#pragma once

#include <set>
#include <string>

#include "datastores/settings.h"

// Which parameters a group may not set, and why. Pure; threads: any.
namespace dbagent::datastore::postgresql {

struct Access {
  ParameterAccess access = ParameterAccess::kUser;
  std::string reason;
};

// `name` is canonical; `of_system`: the names that the system layer sets. What the server itself
// calls read-only is not known here.
Access AccessOf(const std::string& name, const Values& of_system);

// The libraries that a group may have preloaded: modules of PostgreSQL's own contrib and pgaudit
// that run nothing, read and write no file of a user's choice, and let nobody in.
const std::set<std::string>& HarmlessLibraries();

}  // namespace dbagent::datastore::postgresql
