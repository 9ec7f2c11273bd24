#include "agent/backup/stream_source.h"

#include <algorithm>
#include <utility>

#include "agent/backup/layout.h"
#include "agent/base/kill_point.h"

namespace dbagent::backup {
namespace {

constexpr std::size_t kPieceBytes = 1U << 20U;
constexpr std::size_t kPiecesAhead = 2;  // of a chunk
// Those ahead, the one being filled and the one being read.
constexpr std::uint64_t kPieceMemory = (kPiecesAhead + 2) * kPieceBytes;

}  // namespace

struct StreamSource::Slot {
  PlacedChunk chunk;
  std::deque<stream::Buffer> pieces;
  std::optional<Status> outcome;  // set: no more pieces will come
  stream::BufferBudget::Share share;
  ~Slot() {
    if (outcome) outcome->Ignore("nobody reads it any more");
  }
};

// Puts what is decompressed into its slot, at most kPiecesAhead of its reader.
class StreamSource::Pieces : public stream::Sink {
 public:
  Pieces(StreamSource& owner, Slot& slot) : owner_(owner), slot_(slot) {}

  Status Write(const OpContext& ctx, Bytes data) override {
    while (!data.empty()) {
      if (piece_.capacity() == 0) piece_ = owner_.pool_.Take();
      const Bytes part = data.first(std::min(piece_.room(), data.size()));
      piece_.Append(part);
      data = data.subspan(part.size());
      if (piece_.room() == 0) RETURN_IF_ERROR(HandOver(ctx));
    }
    return Ok();
  }
  Status HandOver(const OpContext& ctx) {
    if (piece_.size() == 0) return Ok();
    std::unique_lock lock(owner_.mutex_);
    owner_.wake_.wait(lock, ctx.stop(), [this] { return slot_.pieces.size() < kPiecesAhead; });
    RETURN_IF_ERROR(ctx.Poll());
    slot_.pieces.push_back(std::move(piece_));
    piece_ = stream::Buffer();
    owner_.wake_.notify_all();
    return Ok();
  }

 private:
  StreamSource& owner_;
  Slot& slot_;
  stream::Buffer piece_;
};

StreamSource::StreamSource(const OpContext& ctx, ReadFlow& flow, const What& what)
    : outer_(ctx),
      ctx_(ctx.WithStop(stop_)),
      pass_on_(ctx.stop(), [this] { stop_->RequestStop(outer_.stop_reason()); }),
      flow_(flow),
      repository_(flow.store(), what.instance),
      folder_(repository_.Folder(what.backup.manifest.id())),
      cipher_(what.backup.cipher
                  ? std::optional(what.backup.cipher->ForStream(what.stream.attempt()))
                  : std::nullopt),
      pool_(kPieceBytes, ReadFlow::kThreads),
      cursor_(repository_, what.backup.manifest.id(), what.stream) {}

StreamSource::~StreamSource() {
  stop_->RequestStop(StopReason::kCancelled);
  for (std::thread& thread : threads_) thread.join();
}

void StreamSource::Work() {
  ChunkReader reader(flow_, folder_, cipher_);
  while (const std::shared_ptr<Slot> slot = TakeNext(reader)) {
    Pieces pieces(*this, *slot);
    Status read = reader.ReadReserved(ctx_, slot->chunk, pieces);
    if (read.ok()) read = pieces.HandOver(ctx_);
    const std::lock_guard lock(mutex_);
    slot->outcome = std::move(read);
    wake_.notify_all();
  }
}

// The next chunk and the memory for it; nothing at the end, or when that failed, which is told in
// its place.
std::shared_ptr<StreamSource::Slot> StreamSource::TakeNext(ChunkReader& reader) {
  const std::lock_guard order(order_mutex_);
  if (taken_all_) return nullptr;
  const auto slot = std::make_shared<Slot>();
  const Status taken = [&]() -> Status {
    std::optional<PlacedChunk> next = std::exchange(first_, std::nullopt);
    if (!next) {
      ASSIGN_OR_RETURN(next, cursor_.Next(ctx_));
    }
    taken_all_ = !next;
    if (!next) return Ok();
    slot->chunk = *std::move(next);
    ASSIGN_OR_RETURN(slot->share, reader.Reserve(ctx_, slot->chunk.chunk, kPieceMemory));
    return Ok();
  }();
  const std::lock_guard lock(mutex_);
  if (!taken.ok()) {
    taken_all_ = true;
    slot->outcome = taken;
  }
  if (taken_all_) at_end_ = true;
  if (taken.ok() && taken_all_) {
    wake_.notify_all();
    return nullptr;
  }
  slots_.push_back(slot);
  wake_.notify_all();
  return taken.ok() ? slot : nullptr;
}

// False at the end of the stream.
Result<bool> StreamSource::NextPiece(const OpContext& ctx) {
  if (piece_.capacity() > 0) pool_.Give(std::exchange(piece_, stream::Buffer()));
  at_ = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, ctx.stop(), [this] {
      return slots_.empty()
                 ? at_end_
                 : slots_.front()->outcome.has_value() || !slots_.front()->pieces.empty();
    });
    RETURN_IF_ERROR(ctx.Poll());
    if (slots_.empty()) return false;
    const std::shared_ptr<Slot> front = slots_.front();
    if (!front->pieces.empty()) {
      piece_ = std::move(front->pieces.front());
      front->pieces.pop_front();
      wake_.notify_all();
      return true;
    }
    RETURN_IF_ERROR(Status(*front->outcome));  // stays: every later read answers it again
    slots_.pop_front();
    KillPoint("restore.chunk_read");
  }
}

Status StreamSource::Skip(const OpContext& ctx, std::uint64_t bytes) {
  while (bytes > 0) {
    ASSIGN_OR_RETURN(first_, cursor_.Next(ctx));
    if (!first_ || first_->chunk.source_bytes() > bytes) break;
    bytes -= first_->chunk.source_bytes();
    ctx.AddBytes(first_->chunk.source_bytes());
    first_.reset();
  }
  return Source::Skip(ctx, bytes);
}

Result<std::size_t> StreamSource::Read(const OpContext& ctx, std::span<std::byte> buffer) {
  while (threads_.size() < ReadFlow::kThreads) threads_.emplace_back([this] { Work(); });
  if (at_ == piece_.size()) {
    const SteadyTime asked = std::chrono::steady_clock::now();
    flow_.target().Worked(asked - given_);
    ASSIGN_OR_RETURN(const bool more, NextPiece(ctx));
    given_ = std::chrono::steady_clock::now();
    flow_.target().Take(piece_.size(), given_ - asked);
    ctx.ShowStages(flow_.Figures());
    if (!more) return std::size_t{0};
  }
  const Bytes part = piece_.bytes().subspan(at_, std::min(buffer.size(), piece_.size() - at_));
  std::copy(part.begin(), part.end(), buffer.begin());
  at_ += part.size();
  ctx.AddBytes(part.size());
  return part.size();
}

}  // namespace dbagent::backup
