#pragma once

#include <memory>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/result.h"
#include "agent/stream/stream.h"

namespace dbagent::stream {

// A chunk is one whole zstd frame (RFC 8878) with its content checksum, its window at most 8 MiB,
// so that reading one takes bounded memory too. One compressor or decompressor per thread; they
// keep their memory between chunks.
inline constexpr int kLargestWindowLog = 23;

class FrameCompressor {
 public:
  explicit FrameCompressor(int level);  // 1 to 19
  Result<std::vector<std::byte>> Compress(Bytes source);
  static std::size_t LargestOutput(std::size_t source_bytes);

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
};

class FrameDecompressor {
 public:
  FrameDecompressor();
  // Writes the source bytes of one frame to `sink` piece by piece; answers how many there were.
  // FRAME_CORRUPT (DATA_LOSS): not a frame, cut, its checksum or window wrong, or bytes after it.
  Result<std::uint64_t> Decompress(const OpContext& ctx, Bytes frame, Sink& sink);

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
  std::vector<std::byte> buffer_;
};

}  // namespace dbagent::stream
