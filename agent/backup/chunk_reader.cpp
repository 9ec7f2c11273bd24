#include "agent/backup/chunk_reader.h"

#include "agent/backup/layout.h"
#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

class Nowhere : public stream::Sink {
 public:
  Status Write(const OpContext& ctx, Bytes) override { return ctx.Poll(); }
};

}  // namespace

Status CorruptObject(const std::string& object, std::string_view why) {
  return Error(Code::kDataLoss, "BACKUP_CORRUPT", "the backup's object '{}' {}", object, why)
      .WithField("object", object)
      .WithHint("this backup cannot be restored; take another one, and look at the store");
}

Status ChunkReader::Read(const OpContext& ctx, const internal::Chunk& chunk, stream::Sink& sink) {
  const std::string object = folder_ + chunk.object();
  // a chunk larger than any that is ever written is not one; that also keeps memory bounded
  if (chunk.stored_bytes() > stream::FrameCompressor::LargestOutput(kLargestChunkBytes)) {
    return CorruptObject(object, "is said to be larger than a chunk can be");
  }
  ASSIGN_OR_RETURN(const auto share, budget_.Take(ctx, chunk.stored_bytes()));
  const Result<std::vector<std::byte>> frame = store_.Get(ctx, object, chunk.stored_bytes());
  if (!frame.ok()) {
    if (frame.status().reason() == "OBJECT_NOT_FOUND") return CorruptObject(object, "is missing");
    if (frame.status().reason() == "OBJECT_TOO_LARGE")
      return CorruptObject(object, "is longer than the manifest says");
    return frame.status();
  }
  if (frame->size() != chunk.stored_bytes())
    return CorruptObject(object, "is shorter than the manifest says");
  if (stream::Sha256Hex(*frame) != chunk.sha256())
    return CorruptObject(object, "was altered: its SHA-256 is not the manifest's");
  const Result<std::uint64_t> bytes = decompressor_.Decompress(ctx, *frame, sink);
  if (!bytes.ok()) {
    if (bytes.status().reason() == "FRAME_CORRUPT")
      return CorruptObject(object, bytes.status().message());
    return bytes.status();
  }
  if (*bytes != chunk.source_bytes())
    return CorruptObject(object, "decompresses to another length than the manifest says");
  return Ok();
}

Status ChunkReader::Verify(const OpContext& ctx, const internal::Chunk& chunk) {
  Nowhere nowhere;
  return Read(ctx, chunk, nowhere);
}

}  // namespace dbagent::backup
