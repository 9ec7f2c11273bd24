#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/base/bytes.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::stream {

// Where bytes come from. One thread at a time.
class Source {
 public:
  virtual ~Source() = default;
  // Reads at most buffer.size() bytes (buffer is not empty), blocking until there is at least one;
  // 0 is the end, and every read after it answers 0 again. An error is final.
  virtual Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) = 0;
  // Leaves out the next bytes, which were read in an earlier life. SOURCE_SHORT (DATA_LOSS) when it
  // has fewer.
  virtual Status Skip(const OpContext& ctx, std::uint64_t bytes);
};

// Where bytes go. One thread at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  // Takes all of `data` or answers an error, which is final. May block; honours ctx.
  virtual Status Write(const OpContext& ctx, Bytes data) = 0;
};

// Everything of `source` into `sink`. Answers how many bytes went over.
Result<std::uint64_t> Pump(const OpContext& ctx, Source& source, Sink& sink);

}  // namespace dbagent::stream
