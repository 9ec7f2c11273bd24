#include <string>

#include "agent/base/op_context.h"
#include "agent/stream/zstd_frame.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent;

namespace {

class Text : public stream::Sink {
 public:
  Status Write(const OpContext&, Bytes data) override {
    if (text.size() < 1U << 20U) text += AsText(data);  // a bomb may pass, but not stay
    return Ok();
  }
  std::string text;
};

}  // namespace

// Any bytes as a frame: their source or FRAME_CORRUPT. Any source: back through both ways.
void Try(std::string_view input) {
  const OpContext ctx;
  static stream::FrameDecompressor decompressor;
  Text ignored;
  const auto read = decompressor.Decompress(ctx, AsBytes(input), ignored);
  if (!read.ok()) Require(read.status().reason() == "FRAME_CORRUPT", "a bad frame is told as such");

  static stream::FrameCompressor compressor;
  const auto frame = compressor.Compress(AsBytes(input), 1);
  Require(frame.ok(), "everything can be compressed");
  Text back;
  const auto size = decompressor.Decompress(ctx, frame->bytes(), back);
  Require(size.ok() && *size == input.size(), "a frame holds what went in");
  Require(back.text == input.substr(0, back.text.size()), "a frame gives back what went in");
}
