#include "agent/config/methods.h"

#include <algorithm>

namespace dbagent::config {
namespace {
constexpr Method kMethods[] = {
    {"InstanceService/Prepare", true},
    {"InstanceService/Get", false},
    {"InstanceService/Watch", false},
    {"InstanceService/Start", true},
    {"InstanceService/Stop", true},
    {"InstanceService/Restart", true},
    {"InstanceService/GetCapabilities", false},
    {"DatabaseService/Create", true},
    {"DatabaseService/List", false},
    {"DatabaseService/Get", false},
    {"DatabaseService/Update", true},
    {"DatabaseService/Delete", true},
    {"UserService/Create", true},
    {"UserService/List", false},
    {"UserService/Get", false},
    {"UserService/Update", true},
    {"UserService/Delete", true},
    {"UserService/Grant", true},
    {"UserService/Revoke", true},
    {"UserService/ListGrants", false},
    {"UserService/EnableRoot", true},
    {"UserService/DisableRoot", true},
    {"UserService/GetRootState", false},
    {"OperationService/Get", false},
    {"OperationService/List", false},
    {"OperationService/Cancel", true},
    {"OperationService/Watch", false},
    {"OperationService/Throttle", true},
    {"BackupService/Create", true},
    {"BackupService/Restore", true},
    {"BackupService/Get", false},
    {"BackupService/List", false},
    {"BackupService/Delete", true},
    {"BackupService/Verify", true},
    {"BackupService/Sweep", true},
    // changes nothing, and shows all that users keep
    {"BackupService/Read", true},
    {"BackupService/RenewCredentials", true},
    {"KeyService/List", false},
    {"KeyService/Rotate", true},
    {"ConfigurationService/DescribeParameters", false},
    {"ConfigurationService/Get", false},
    {"ConfigurationService/Apply", true},
    {"ConfigurationService/Rollback", true},
    {"ConfigurationService/Resize", true},
    {"ConfigurationService/ListRevisions", false},
    {"ConfigurationService/GetRevision", false},
};
}  // namespace

std::span<const Method> AllMethods() {
  return kMethods;
}

const Method* FindMethod(std::string_view name) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [&](const Method& method) { return method.name == name; });
  return found == std::end(kMethods) ? nullptr : found;
}

}  // namespace dbagent::config
