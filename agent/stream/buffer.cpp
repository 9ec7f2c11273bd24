#include "agent/stream/buffer.h"

#include <cstring>

namespace dbagent::stream {

void Buffer::Append(Bytes bytes) {
  if (bytes.empty()) return;
  std::memcpy(end(), bytes.data(), bytes.size());
  size_ += bytes.size();
}

}  // namespace dbagent::stream
