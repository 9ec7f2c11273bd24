#pragma once

#include <algorithm>
#include <vector>

#include "agent/backup/chunk_reader.h"
#include "agent/base/kill_point.h"

namespace dbagent::workflows {

// The source bytes of a stream's chunks, one after the other.
class ChunkSource : public stream::Source {
 public:
  ChunkSource(backup::ChunkReader& reader, const std::vector<internal::Chunk>& chunks)
      : reader_(reader), chunks_(chunks) {}

  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override {
    while (at_ == bytes_.size()) {
      if (next_ == chunks_.size()) return std::size_t{0};
      bytes_.clear();
      at_ = 0;
      Collector collector(bytes_);
      RETURN_IF_ERROR(reader_.Read(ctx, chunks_[next_++], collector));
      KillPoint("restore.chunk_read");
    }
    const std::size_t count = std::min(buffer.size(), bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), count, buffer.begin());
    at_ += count;
    ctx.AddBytes(count);
    return count;
  }

 private:
  class Collector : public stream::Sink {
   public:
    explicit Collector(std::vector<std::byte>& out) : out_(out) {}
    Status Write(const OpContext&, Bytes data) override {
      out_.insert(out_.end(), data.begin(), data.end());
      return Ok();
    }

   private:
    std::vector<std::byte>& out_;
  };

  backup::ChunkReader& reader_;
  const std::vector<internal::Chunk>& chunks_;
  std::size_t next_ = 0;
  std::vector<std::byte> bytes_;  // one chunk's source, at most kLargestChunkBytes
  std::size_t at_ = 0;
};

}  // namespace dbagent::workflows
