#include "agent/backup/json.h"

#include <google/protobuf/util/json_util.h>

#include "agent/backup/chunk_reader.h"

namespace dbagent::backup {

Result<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return Error(Code::kInternal, "JSON_FAILED", "unable to write a manifest as JSON");
  }
  return json + "\n";
}

Status FromJson(std::string_view json, const std::string& object,
                google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // a later minor addition
  if (google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message, options)
          .ok())
    return Ok();
  return CorruptObject(object, "is not what a manifest or an index looks like");
}

}  // namespace dbagent::backup
