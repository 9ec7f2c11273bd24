#pragma once

#include <google/protobuf/struct.pb.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "agent/base/bytes.h"
#include "agent/base/result.h"

namespace dbagent::storage {

// JSON of a service. STORE_UNAVAILABLE (without the text, which may hold a token) when it is
// none: something else answered.
Result<google::protobuf::Value> ParseJson(Bytes text, std::string_view whose);

// What stands under these keys, one below the other; nullptr when a part of the way is missing.
const google::protobuf::Value* Find(const google::protobuf::Value& value,
                                    std::initializer_list<std::string_view> way);
// The same when it is a text; empty otherwise.
std::string FindText(const google::protobuf::Value& value,
                     std::initializer_list<std::string_view> way);

// A text for a JSON document that is built by hand: quoted, escaped.
std::string JsonQuote(std::string_view text);

}  // namespace dbagent::storage
