#include "agent/backup/chunk_writer.h"

#include <algorithm>

#include "agent/backup/layout.h"
#include "agent/base/kill_point.h"
#include "agent/stream/sha256.h"
#include "agent/stream/zstd_frame.h"

namespace dbagent::backup {

ChunkWriter::ChunkWriter(const OpContext& ctx, storage::ObjectStore& store,
                         stream::BufferBudget& budget, Options options)
    : ctx_(ctx), store_(store), budget_(budget), options_(std::move(options)) {
  for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Work(); });
}

ChunkWriter::~ChunkWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  error_.Ignore("whoever needed the outcome asked Finish");
}

Status ChunkWriter::FirstError() {
  const std::lock_guard lock(mutex_);
  return error_;
}

// The source's bytes and the frame's are both held while a chunk is under way, so both are taken at
// once: a writer that held one and waited for the other could wait for itself.
Status ChunkWriter::StartChunk(const OpContext& ctx) {
  const std::uint64_t bytes = ChunkBytes(next_number_);
  ASSIGN_OR_RETURN(current_.share,
                   budget_.Take(ctx, bytes + stream::FrameCompressor::LargestOutput(bytes)));
  current_.number = next_number_++;
  current_.source.clear();
  current_.source.reserve(bytes);
  has_current_ = true;
  return Ok();
}

Status ChunkWriter::SubmitChunk(const OpContext& ctx) {
  RETURN_IF_ERROR(ctx.Poll());
  {
    const std::lock_guard lock(mutex_);
    if (!error_.ok()) return error_;
    queue_.push_back(std::move(current_));
  }
  has_current_ = false;
  current_ = Job();
  wake_.notify_one();
  return Ok();
}

Status ChunkWriter::Write(const OpContext& ctx, Bytes data) {
  while (!data.empty()) {
    RETURN_IF_ERROR(FirstError());
    if (!has_current_) RETURN_IF_ERROR(StartChunk(ctx));
    const std::size_t room = current_.source.capacity() - current_.source.size();
    const Bytes part = data.first(std::min(room, data.size()));
    current_.source.insert(current_.source.end(), part.begin(), part.end());
    data = data.subspan(part.size());
    if (current_.source.size() == current_.source.capacity()) RETURN_IF_ERROR(SubmitChunk(ctx));
  }
  return Ok();
}

Result<std::vector<internal::Chunk>> ChunkWriter::Finish(const OpContext& ctx) {
  if (has_current_) RETURN_IF_ERROR(SubmitChunk(ctx));
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !error_.ok() || (queue_.empty() && running_ == 0); });
  if (!error_.ok()) return error_;
  std::vector<internal::Chunk> chunks;
  for (const auto& [number, chunk] : done_) chunks.push_back(chunk);
  return chunks;
}

Result<internal::Chunk> ChunkWriter::StoreChunk(const Job& job) {
  thread_local std::unique_ptr<stream::FrameCompressor> compressor;
  thread_local int level = 0;
  if (!compressor || level != options_.level) {
    level = options_.level;
    compressor = std::make_unique<stream::FrameCompressor>(level);
  }
  ASSIGN_OR_RETURN(const std::vector<std::byte> frame, compressor->Compress(job.source));
  internal::Chunk chunk;
  chunk.set_object(ChunkName(options_.stream, job.number));
  chunk.set_source_bytes(job.source.size());
  chunk.set_stored_bytes(frame.size());
  chunk.set_sha256(stream::Sha256Hex(frame));
  RETURN_IF_ERROR(store_.Put(ctx_, options_.folder + chunk.object(), frame));
  KillPoint("backup.chunk_stored");
  return chunk;
}

void ChunkWriter::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.erase(queue_.begin());
    ++running_;
    lock.unlock();
    Result<internal::Chunk> stored = StoreChunk(job);
    job.share.Release();
    lock.lock();
    --running_;
    if (stored.ok()) {
      done_[job.number] = *std::move(stored);
    } else if (error_.ok()) {
      error_ = std::move(stored).status();
    }
    wake_.notify_all();
  }
}

}  // namespace dbagent::backup
