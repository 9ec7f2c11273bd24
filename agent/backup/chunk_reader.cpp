#include "agent/backup/chunk_reader.h"

#include "agent/backup/layout.h"
#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

using Clock = std::chrono::steady_clock;

class Nowhere : public stream::Sink {
 public:
  Status Write(const OpContext& ctx, Bytes) override { return ctx.Poll(); }
};

// How long whoever takes the bytes lets their maker wait.
class TimedSink : public stream::Sink {
 public:
  explicit TimedSink(stream::Sink& inner) : inner_(inner) {}
  Status Write(const OpContext& ctx, Bytes data) override {
    const SteadyTime begun = Clock::now();
    Status written = inner_.Write(ctx, data);
    spent_ += Clock::now() - begun;
    return written;
  }
  SteadyTime::duration spent() const { return spent_; }

 private:
  stream::Sink& inner_;
  SteadyTime::duration spent_{0};
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

ChunkReader::ChunkReader(ReadFlow& flow, std::string folder, std::optional<StreamCipher> cipher)
    : flow_(flow), folder_(std::move(folder)), cipher_(std::move(cipher)) {}

Result<stream::BufferBudget::Share> ChunkReader::Reserve(const OpContext& ctx,
                                                         const internal::Chunk& chunk,
                                                         std::uint64_t spare) {
  // a chunk larger than any that is ever written is not one; that also keeps memory bounded
  if (chunk.stored_bytes() > LargestStored())
    return CorruptObject(folder_ + chunk.object(), "is said to be larger than a chunk can be");
  return flow_.Reserve(ctx, chunk.stored_bytes(), spare);
}

Status ChunkReader::Read(const OpContext& ctx, const PlacedChunk& placed, stream::Sink& sink) {
  ASSIGN_OR_RETURN(const auto share, Reserve(ctx, placed.chunk));
  return ReadReserved(ctx, placed, sink);
}

Status ChunkReader::ReadReserved(const OpContext& ctx, const PlacedChunk& placed,
                                 stream::Sink& sink) {
  const internal::Chunk& chunk = placed.chunk;
  const std::string object = folder_ + chunk.object();
  Result<std::vector<std::byte>> stored = flow_.Download(ctx, object, chunk.stored_bytes());
  if (!stored.ok()) {
    if (stored.status().reason() == "OBJECT_NOT_FOUND") return CorruptObject(object, "is missing");
    if (stored.status().reason() == "OBJECT_TOO_LARGE")
      return CorruptObject(object, "is longer than the manifest says");
    return stored.status();
  }
  const SteadyTime downloaded = Clock::now();
  flow_.check().Take(stored->size(), {});
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
  const SteadyTime checked = Clock::now();
  flow_.check().Worked(checked - downloaded);
  TimedSink timed(sink);
  const Result<std::uint64_t> bytes = decompressor_.Decompress(ctx, frames, timed);
  flow_.decompress().Take(frames.size(), timed.spent());
  flow_.decompress().Worked(Clock::now() - checked - timed.spent());
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
