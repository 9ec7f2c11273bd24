#include "agent/backup/chunk_reader.h"

#include "agent/backup/layout.h"
#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

class Nowhere : public stream::Sink {
 public:
  Status Write(const OpContext& ctx, Bytes) override { return ctx.Poll(); }
};

// A chunk is ended by the frame with which it has the wanted size.
std::uint64_t LargestStored() {
  return stream::FrameCompressor::LargestOutput(kLargestChunkBytes + kFrameBytes) +
         stream::kTagBytes;
}

}  // namespace

Status CorruptObject(const std::string& object, std::string_view why) {
  return Error(Code::kDataLoss, "BACKUP_CORRUPT", "the backup's object '{}' {}", object, why)
      .WithField("object", object)
      .WithHint("this backup cannot be restored; take another one, and look at the store");
}

ChunkReader::ChunkReader(storage::ObjectStore& store, stream::BufferBudget& budget,
                         std::string folder, std::optional<StreamCipher> cipher)
    : store_(store), budget_(budget), folder_(std::move(folder)), cipher_(std::move(cipher)) {}

Result<stream::BufferBudget::Share> ChunkReader::Reserve(const OpContext& ctx,
                                                         const internal::Chunk& chunk,
                                                         std::uint64_t spare) {
  // a chunk larger than any that is ever written is not one; that also keeps memory bounded
  if (chunk.stored_bytes() > LargestStored())
    return CorruptObject(folder_ + chunk.object(), "is said to be larger than a chunk can be");
  return budget_.Take(ctx, chunk.stored_bytes() + spare);
}

Status ChunkReader::Read(const OpContext& ctx, const PlacedChunk& placed, stream::Sink& sink) {
  ASSIGN_OR_RETURN(const auto share, Reserve(ctx, placed.chunk));
  return ReadReserved(ctx, placed, sink);
}

Status ChunkReader::ReadReserved(const OpContext& ctx, const PlacedChunk& placed,
                                 stream::Sink& sink) {
  const internal::Chunk& chunk = placed.chunk;
  const std::string object = folder_ + chunk.object();
  Result<std::vector<std::byte>> stored = store_.Get(ctx, object, chunk.stored_bytes());
  if (!stored.ok()) {
    if (stored.status().reason() == "OBJECT_NOT_FOUND") return CorruptObject(object, "is missing");
    if (stored.status().reason() == "OBJECT_TOO_LARGE")
      return CorruptObject(object, "is longer than the manifest says");
    return stored.status();
  }
  if (stored->size() != chunk.stored_bytes())
    return CorruptObject(object, "is shorter than the manifest says");
  if (stream::Sha256Hex(*stored) != chunk.sha256())
    return CorruptObject(object, "was altered: its SHA-256 is not the manifest's");
  Bytes frames = *stored;
  if (cipher_) {
    const Result<Bytes> opened = cipher_->Open(placed.number, placed.last, *stored);
    if (!opened.ok()) return CorruptObject(object, "was altered: " + opened.status().message());
    frames = *opened;
  }
  const Result<std::uint64_t> bytes = decompressor_.Decompress(ctx, frames, sink);
  if (!bytes.ok()) {
    if (bytes.status().reason() == "FRAME_CORRUPT")
      return CorruptObject(object, bytes.status().message());
    return bytes.status();
  }
  if (*bytes != chunk.source_bytes())
    return CorruptObject(object, "decompresses to another length than the manifest says");
  return Ok();
}

Status ChunkReader::Verify(const OpContext& ctx, const PlacedChunk& placed) {
  Nowhere nowhere;
  return Read(ctx, placed, nowhere);
}

}  // namespace dbagent::backup
