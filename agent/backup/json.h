#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace dbagent::backup {

// How everything but chunks lies on a store: JSON on one line.
Result<std::string> ToJson(const google::protobuf::Message& message);
// BACKUP_CORRUPT with the object's name. Fields that this agent does not know are left out.
Status FromJson(std::string_view json, const std::string& object,
                google::protobuf::Message& message);

}  // namespace dbagent::backup
