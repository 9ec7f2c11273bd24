#include "agent/stream/buffer_pool.h"

namespace dbagent::stream {

Buffer BufferPool::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Buffer buffer = std::move(free_.back());
      free_.pop_back();
      return buffer;
    }
  }
  return Buffer(capacity_);
}

void BufferPool::Give(Buffer used) {
  used.resize(0);
  const std::lock_guard lock(mutex_);
  if (free_.size() < kept_) free_.push_back(std::move(used));
}

}  // namespace dbagent::stream
