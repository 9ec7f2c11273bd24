#include "agent/stream/zstd_frame.h"

#include <zstd.h>

#include <new>

namespace dbagent::stream {

FrameCompressor::FrameCompressor()
    : context_(ZSTD_createCCtx(),
               [](void* context) { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(context)); }) {
  if (!context_) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(static_cast<ZSTD_CCtx*>(context_.get()), ZSTD_c_checksumFlag, 1);
}

std::size_t FrameCompressor::LargestOutput(std::size_t source_bytes) {
  return ZSTD_compressBound(source_bytes);
}

Result<Buffer> FrameCompressor::Compress(Bytes source, int level) {
  auto* context = static_cast<ZSTD_CCtx*>(context_.get());
  // levels up to 19 choose at most kLargestWindowLog by themselves
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  if (scratch_.capacity() < LargestOutput(source.size()))
    scratch_ = Buffer(LargestOutput(source.size()));
  const std::size_t size =
      ZSTD_compress2(context, scratch_.data(), scratch_.capacity(), source.data(), source.size());
  if (ZSTD_isError(size) != 0) {
    return Error(Code::kInternal, "COMPRESSION_FAILED", "unable to compress {} bytes: {}",
                 source.size(), ZSTD_getErrorName(size));
  }
  scratch_.resize(size);
  Buffer frame(size);
  frame.Append(scratch_.bytes());
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

Result<std::uint64_t> FrameDecompressor::Decompress(const OpContext& ctx, Bytes frames,
                                                    Sink& sink) {
  const auto corrupt = [](std::string_view why) {
    return Error(Code::kDataLoss, "FRAME_CORRUPT", "unable to decompress a chunk: {}", why);
  };
  auto* context = static_cast<ZSTD_DCtx*>(context_.get());
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_inBuffer input{frames.data(), frames.size(), 0};
  std::uint64_t total = 0;
  for (;;) {
    ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context, &output, &input);
    if (ZSTD_isError(left) != 0) return corrupt(ZSTD_getErrorName(left));
    RETURN_IF_ERROR(sink.Write(ctx, Bytes(buffer_).first(output.pos)));
    total += output.pos;
    if (left == 0 && input.pos == input.size) return total;
    if (left != 0 && input.pos == input.size && output.pos == 0) return corrupt("it is cut");
  }
}

}  // namespace dbagent::stream
