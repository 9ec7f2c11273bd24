#include "agent/stream/zstd_frame.h"

#include <zstd.h>

#include <new>

namespace dbagent::stream {

FrameCompressor::FrameCompressor(int level)
    : context_(ZSTD_createCCtx(),
               [](void* context) { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(context)); }) {
  if (!context_) throw std::bad_alloc();
  auto* context = static_cast<ZSTD_CCtx*>(context_.get());
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  // levels up to 19 choose at most this window by themselves for chunks of our sizes; this makes it
  // a promise
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kLargestWindowLog);
}

std::size_t FrameCompressor::LargestOutput(std::size_t source_bytes) {
  return ZSTD_compressBound(source_bytes);
}

Result<std::vector<std::byte>> FrameCompressor::Compress(Bytes source) {
  std::vector<std::byte> frame(LargestOutput(source.size()));
  const std::size_t size = ZSTD_compress2(static_cast<ZSTD_CCtx*>(context_.get()), frame.data(),
                                          frame.size(), source.data(), source.size());
  if (ZSTD_isError(size) != 0) {
    return Error(Code::kInternal, "COMPRESSION_FAILED",
                 "unable to compress a chunk of {} bytes: {}", source.size(),
                 ZSTD_getErrorName(size));
  }
  frame.resize(size);
  return frame;
}

FrameDecompressor::FrameDecompressor()
    : context_(ZSTD_createDCtx(),
               [](void* context) { ZSTD_freeDCtx(static_cast<ZSTD_DCtx*>(context)); }),
      buffer_(ZSTD_DStreamOutSize()) {
  if (!context_) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(static_cast<ZSTD_DCtx*>(context_.get()), ZSTD_d_windowLogMax,
                         kLargestWindowLog);
}

Result<std::uint64_t> FrameDecompressor::Decompress(const OpContext& ctx, Bytes frame, Sink& sink) {
  const auto corrupt = [](std::string_view why) {
    return Error(Code::kDataLoss, "FRAME_CORRUPT", "unable to decompress a chunk: {}", why);
  };
  auto* context = static_cast<ZSTD_DCtx*>(context_.get());
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_inBuffer input{frame.data(), frame.size(), 0};
  std::uint64_t total = 0;
  for (;;) {
    ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context, &output, &input);
    if (ZSTD_isError(left) != 0) return corrupt(ZSTD_getErrorName(left));
    RETURN_IF_ERROR(sink.Write(ctx, Bytes(buffer_).first(output.pos)));
    total += output.pos;
    if (left == 0) break;
    if (input.pos == input.size && output.pos == 0) return corrupt("it is cut");
  }
  if (input.pos != input.size) return corrupt("there are bytes after its end");
  return total;
}

}  // namespace dbagent::stream
