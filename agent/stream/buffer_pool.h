#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "agent/stream/buffer.h"

namespace dbagent::stream {

// Buffers of one size that are used again: memory that is new costs the kernel more than to fill
// it. At most `kept` of them wait here. Threads: any.
class BufferPool {
 public:
  BufferPool(std::size_t capacity, std::size_t kept) : capacity_(capacity), kept_(kept) {}

  Buffer Take();           // empty
  void Give(Buffer used);  // one that Take gave

 private:
  const std::size_t capacity_, kept_;
  std::mutex mutex_;
  std::vector<Buffer> free_;
};

}  // namespace dbagent::stream
