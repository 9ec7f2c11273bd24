#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "agent/base/ids.h"

namespace dbagent::backup {

inline void SetTime(WallTime time, google::protobuf::Timestamp& out) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
}

inline WallTime ReadTime(const google::protobuf::Timestamp& time) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos())));
}

}  // namespace dbagent::backup
