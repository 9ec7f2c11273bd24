#pragma once

#include <memory>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/result.h"
#include "agent/stream/buffer.h"
#include "agent/stream/stream.h"

namespace dbagent::stream {

// zstd frames (RFC 8878) with their content checksum, their window at most 8 MiB, so that reading
// one takes bounded memory too. One compressor or decompressor per thread; they keep their memory
// between frames.
inline constexpr int kLargestWindowLog = 23;
inline constexpr int kLowestLevel = 1, kHighestLevel = 19;

class FrameCompressor {
 public:
  FrameCompressor();
  // One frame, in a buffer of its size; `level` is one of zstd's, 1 to 19.
  Result<Buffer> Compress(Bytes source, int level);
  static std::size_t LargestOutput(std::size_t source_bytes);

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
  Buffer scratch_;
};

class FrameDecompressor {
 public:
  FrameDecompressor();
  // Writes the source bytes of one or more frames, one after the other, to `sink` piece by piece;
  // answers how many there were. FRAME_CORRUPT (DATA_LOSS): not a frame, cut, its checksum or
  // window wrong.
  Result<std::uint64_t> Decompress(const OpContext& ctx, Bytes frames, Sink& sink);

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
  std::vector<std::byte> buffer_;
};

}  // namespace dbagent::stream
