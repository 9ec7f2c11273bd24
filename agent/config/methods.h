#pragma once

#include <span>
#include <string_view>

namespace dbagent::config {

// The API's methods as roles name them. A test holds the table against the proto files.
struct Method {
  std::string_view name;  // `BackupService/List`
  bool mutating;          // is written to the audit log
};

std::span<const Method> AllMethods();
const Method* FindMethod(std::string_view name);

}  // namespace dbagent::config
