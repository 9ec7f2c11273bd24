#include "agent/storage/json_text.h"

#include <google/protobuf/util/json_util.h>

namespace dbagent::storage {

Result<google::protobuf::Value> ParseJson(Bytes text, std::string_view whose) {
  google::protobuf::Value value;
  const std::string_view json = AsText(text);
  if (google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &value).ok())
    return value;
  return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "the answer of {} is no JSON", whose)
      .AsRetryable();
}

const google::protobuf::Value* Find(const google::protobuf::Value& value,
                                    std::initializer_list<std::string_view> way) {
  const google::protobuf::Value* at = &value;
  for (const std::string_view key : way) {
    const auto& fields = at->struct_value().fields();  // empty when it is something else
    const auto found = fields.find(std::string(key));
    if (found == fields.end()) return nullptr;
    at = &found->second;
  }
  return at;
}

std::string FindText(const google::protobuf::Value& value,
                     std::initializer_list<std::string_view> way) {
  const google::protobuf::Value* found = Find(value, way);
  return found == nullptr ? std::string() : found->string_value();
}

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace dbagent::storage
