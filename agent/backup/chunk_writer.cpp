#include "agent/backup/chunk_writer.h"

#include <algorithm>

#include "agent/backup/json.h"
#include "agent/backup/layout.h"
#include "agent/base/kill_point.h"
#include "agent/stream/sha256.h"
#include "agent/stream/zstd_frame.h"

namespace dbagent::backup {
namespace {

constexpr std::size_t kAttemptBytes = 16;

using Clock = std::chrono::steady_clock;

}  // namespace

ChunkWriter::ChunkWriter(const OpContext& ctx, Pipeline& pipeline, Options options)
    : outer_(ctx),
      ctx_(ctx.WithStop(stop_)),
      pass_on_(ctx.stop(), [this] { stop_->RequestStop(outer_.stop_reason()); }),
      pipeline_(pipeline),
      options_(std::move(options)),
      attempt_(ToHex(AsBytes(stream::RandomBytes(kAttemptBytes)))) {
  if (options_.cipher) cipher_.emplace(options_.cipher->ForStream(attempt_));
}

ChunkWriter::~ChunkWriter() {
  stop_->RequestStop(StopReason::kCancelled);
  Lock lock(mutex_);
  wake_.wait(lock, [this] { return under_way_ == 0; });
  error_.Ignore("whoever needed the outcome asked Finish");
}

Status ChunkWriter::FirstError() {
  RETURN_IF_ERROR(outer_.Poll());
  const std::lock_guard lock(mutex_);
  return error_;
}

void ChunkWriter::Fail(Status error) {
  const std::lock_guard lock(mutex_);
  if (error_.ok()) {
    error_ = std::move(error);
  } else {
    error.Ignore("the first one is told");
  }
  wake_.notify_all();
}

void ChunkWriter::EndJob() {
  const std::lock_guard lock(mutex_);
  --under_way_;
  wake_.notify_all();
}

// The source's bytes and the frame's are both held while it is compressed, so both are taken at
// once: a writer that held one and waited for the other could wait for itself.
Status ChunkWriter::StartFrame(const OpContext& ctx) {
  current_ = Frame{};
  ASSIGN_OR_RETURN(current_->share,
                   pipeline_.budget().Take(
                       ctx, kFrameBytes + stream::FrameCompressor::LargestOutput(kFrameBytes)));
  current_->bytes = pipeline_.frames().Take();
  return Ok();
}

Status ChunkWriter::Write(const OpContext& ctx, Bytes data) {
  const SteadyTime begun = Clock::now();
  RETURN_IF_ERROR(pipeline_.rate().Pass(ctx, data.size()));
  const SteadyTime passed = Clock::now();
  SteadyTime::duration for_room{0};
  const std::size_t size = data.size();
  while (!data.empty()) {
    if (!current_) {
      RETURN_IF_ERROR(FirstError());
      RETURN_IF_ERROR(WriteFullIndexes(ctx, false));
      const SteadyTime before = Clock::now();
      RETURN_IF_ERROR(StartFrame(ctx));
      for_room += Clock::now() - before;
    }
    const Bytes part = data.first(std::min(current_->bytes.room(), data.size()));
    current_->bytes.Append(part);
    data = data.subspan(part.size());
    if (current_->bytes.room() == 0) SubmitFrame();
  }
  bytes_taken_ += size;
  pipeline_.SourceGave(size, begun - asked_, for_room, passed - begun);
  asked_ = Clock::now();
  return Ok();
}

void ChunkWriter::SubmitFrame() {
  current_->source_bytes = current_->bytes.size();
  {
    const std::lock_guard lock(mutex_);
    ++under_way_;
  }
  // std::function copies what it holds
  const auto frame = std::make_shared<Frame>(std::move(*current_));
  current_.reset();
  pipeline_.compress().Submit(frame->source_bytes, [this, frame, number = frames_submitted_++] {
    Compress(*frame, number);
    *frame = Frame();
    EndJob();
  });
}

void ChunkWriter::Compress(Frame& frame, std::uint64_t number) {
  thread_local stream::FrameCompressor compressor;
  if (stop_->token().stop_requested()) return;
  Result<stream::Buffer> compressed = compressor.Compress(frame.bytes.bytes(), pipeline_.Level());
  pipeline_.frames().Give(std::move(frame.bytes));
  if (!compressed.ok()) return Fail(std::move(compressed).status());
  frame.bytes = *std::move(compressed);
  frame.share.Shrink(frame.bytes.size());
  const std::lock_guard lock(mutex_);
  compressed_.emplace(number, std::move(frame));
  Gather();
}

void ChunkWriter::Gather() {
  for (auto next = compressed_.begin(); next != compressed_.end() && next->first == next_frame_;
       next = compressed_.erase(next), ++next_frame_) {
    gathering_.source_bytes += next->second.source_bytes;
    gathering_.stored_bytes += next->second.bytes.size();
    gathering_.frames.push_back(std::move(next->second));
    const std::uint64_t wanted = pipeline_.ChunkBytes(next_chunk_);
    // who waits for memory gets what this holds sooner
    if (gathering_.stored_bytes >= wanted || gathering_.source_bytes >= kMostExpansion * wanted ||
        pipeline_.budget().wanted()) {
      SubmitChunk(false);
    }
  }
}

void ChunkWriter::SubmitChunk(bool last) {
  gathering_.number = next_chunk_++;
  gathering_.last = last;
  const auto chunk = std::make_shared<Chunk>(std::move(gathering_));
  gathering_ = Chunk();
  ++under_way_;
  pipeline_.upload().Submit(chunk->stored_bytes, [this, chunk] {
    Store(*chunk);
    EndJob();
  });
}

void ChunkWriter::Store(Chunk& chunk) {
  if (stop_->token().stop_requested()) return;
  const std::uint64_t number = chunk.number;
  Result<internal::Chunk> stored = StoreChunk(chunk);
  chunk.frames.clear();
  if (!stored.ok()) return Fail(std::move(stored).status());
  ctx_.ShowStages(pipeline_.Figures());
  const std::lock_guard lock(mutex_);
  stored_.emplace(number, *std::move(stored));
}

Result<internal::Chunk> ChunkWriter::StoreChunk(Chunk& chunk) {
  internal::Chunk stored;
  stored.set_object(ChunkName(options_.stream, attempt_, chunk.number, cipher_.has_value()));
  stored.set_source_bytes(chunk.source_bytes);
  stream::Buffer bytes;
  if (cipher_) {
    std::vector<Bytes> frames;
    for (const Frame& frame : chunk.frames) frames.push_back(frame.bytes.bytes());
    bytes = cipher_->Seal(chunk.number, chunk.last, frames);
  } else if (chunk.frames.size() == 1) {
    bytes = std::move(chunk.frames[0].bytes);
  } else {
    bytes = stream::Buffer(chunk.stored_bytes);
    for (Frame& frame : chunk.frames) {
      bytes.Append(frame.bytes.bytes());
      frame.bytes = stream::Buffer();  // its share goes on standing for the copy
    }
  }
  if (cipher_) {
    for (Frame& frame : chunk.frames) frame.bytes = stream::Buffer();
  }
  stored.set_stored_bytes(bytes.size());
  stored.set_sha256(stream::Sha256Hex(bytes.bytes()));
  RETURN_IF_ERROR(pipeline_.store().Put(ctx_, options_.folder + stored.object(),
                                        {bytes.bytes(), stored.sha256()}));
  KillPoint("backup.chunk_stored");
  return stored;
}

Status ChunkWriter::WriteIndex(const OpContext& ctx, internal::Index index) {
  for (const internal::Chunk& chunk : index.chunks()) {
    written_.set_source_bytes(written_.source_bytes() + chunk.source_bytes());
    written_.set_stored_bytes(written_.stored_bytes() + chunk.stored_bytes());
    written_.set_chunks(written_.chunks() + 1);
  }
  ASSIGN_OR_RETURN(const std::string json, ToJson(index));
  internal::IndexRef& ref = *written_.add_indexes();
  ref.set_object(IndexName(options_.stream, attempt_,
                           static_cast<std::uint64_t>(written_.indexes_size() - 1)));
  ref.set_sha256(stream::Sha256Hex(AsBytes(json)));
  RETURN_IF_ERROR(
      pipeline_.store().Put(ctx, options_.folder + ref.object(), {AsBytes(json), ref.sha256()}));
  KillPoint("backup.index_stored");
  return Ok();
}

// Chunks are stored in any order, an index names them in theirs.
Status ChunkWriter::WriteFullIndexes(const OpContext& ctx, bool all) {
  for (;;) {
    internal::Index index;
    {
      const std::lock_guard lock(mutex_);
      const std::uint64_t first = written_.chunks();
      // the number of the one at the end of a whole run
      const auto end = std::next(
          stored_.begin(), static_cast<std::ptrdiff_t>(std::min(stored_.size(), kChunksPerIndex)));
      const std::size_t count = static_cast<std::size_t>(std::distance(stored_.begin(), end));
      const bool whole = count > 0 && std::prev(end)->first == first + count - 1;
      if (count == 0 || (!all && (count < kChunksPerIndex || !whole))) return Ok();
      for (auto at = stored_.begin(); at != end; ++at) *index.add_chunks() = std::move(at->second);
      stored_.erase(stored_.begin(), end);
    }
    RETURN_IF_ERROR(WriteIndex(ctx, std::move(index)));
  }
}

Status ChunkWriter::Finish(const OpContext& ctx, internal::Stream& stream) {
  RETURN_IF_ERROR(FirstError());
  if (current_ && current_->bytes.size() > 0) SubmitFrame();
  {
    // not before every frame has its chunk is the last one known
    Lock lock(mutex_);
    wake_.wait(lock, [this] {
      return !error_.ok() || stop_->token().stop_requested() || next_frame_ == frames_submitted_;
    });
  }
  RETURN_IF_ERROR(FirstError());
  if (gathering_.frames.empty()) {
    stream::FrameCompressor compressor;
    ASSIGN_OR_RETURN(stream::Buffer empty, compressor.Compress({}, stream::kLowestLevel));
    gathering_.stored_bytes = empty.size();
    gathering_.frames.push_back({std::move(empty), {}, 0});
  }
  {
    Lock lock(mutex_);
    SubmitChunk(true);
    wake_.wait(lock, [this] { return under_way_ == 0; });
  }
  RETURN_IF_ERROR(FirstError());
  RETURN_IF_ERROR(WriteFullIndexes(ctx, true));
  if (written_.chunks() != next_chunk_ || written_.source_bytes() != bytes_taken_) {
    return Error(Code::kInternal, "BACKUP_INCOMPLETE",
                 "a stream of {} bytes was stored as {} bytes in {} of {} chunks", bytes_taken_,
                 written_.source_bytes(), written_.chunks(), next_chunk_)
        .WithHint("this is an error of the agent; nothing of the backup is kept");
  }
  stream.set_attempt(attempt_);
  stream.set_source_bytes(written_.source_bytes());
  stream.set_stored_bytes(written_.stored_bytes());
  stream.set_chunks(written_.chunks());
  *stream.mutable_indexes() = written_.indexes();
  return Ok();
}

}  // namespace dbagent::backup
