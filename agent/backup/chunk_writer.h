#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/backup/cipher.h"
#include "agent/backup/pipeline.h"
#include "agent/stream/stream.h"
#include "dbagent/internal/backup.pb.h"

namespace dbagent::backup {

// One named stream on its way to a store through a pipeline: cut into frames that are compressed
// each by itself, gathered in order into chunks, which are sealed, hashed and stored, several at a
// time, while the next bytes are read. Memory is taken from the budget before bytes are read, so it
// is bounded whatever the size, and so is the index: it is written as it fills.
//
// Use: Write…, then Finish once. The first error of any thread ends it; a writer destroyed without
// Finish stops what is under way and leaves chunks that nobody names (the repository removes them).
// Write and Finish: one thread.
class ChunkWriter : public stream::Sink {
 public:
  struct Options {
    std::string folder;        // of the backup, ends in /
    std::uint64_t stream = 0;  // number of the stream in the backup
    std::optional<BackupCipher> cipher = {};
  };
  ChunkWriter(const OpContext& ctx, Pipeline& pipeline, Options options);
  ~ChunkWriter() override;

  Status Write(const OpContext& ctx, Bytes data) override;
  // All of it is stored, with its indexes, which `stream` then names. At least one chunk, also of
  // an empty stream.
  Status Finish(const OpContext& ctx, internal::Stream& stream);

 private:
  struct Frame {
    stream::Buffer bytes;
    stream::BufferBudget::Share share;
    std::uint64_t source_bytes = 0;
  };
  struct Chunk {
    std::uint64_t number = 0;
    bool last = false;
    std::uint64_t source_bytes = 0, stored_bytes = 0;
    std::vector<Frame> frames;
  };
  using Lock = std::unique_lock<std::mutex>;

  Status StartFrame(const OpContext& ctx);
  void SubmitFrame();
  void Compress(Frame& frame, std::uint64_t number);
  // Takes the frames that are next in order; ends chunks that are full.
  void Gather();
  void SubmitChunk(bool last);
  void Store(Chunk& chunk);
  Result<internal::Chunk> StoreChunk(Chunk& chunk);
  Status WriteFullIndexes(const OpContext& ctx, bool all);
  Status WriteIndex(const OpContext& ctx, internal::Index index);
  Status FirstError();
  void Fail(Status error);
  void EndJob();

  const OpContext outer_;
  const std::shared_ptr<StopSwitch> stop_ = std::make_shared<StopSwitch>();
  const OpContext ctx_;  // ends with `outer_`, and with this
  const std::stop_callback<std::function<void()>> pass_on_;
  Pipeline& pipeline_;
  const Options options_;
  const std::string attempt_;
  std::optional<StreamCipher> cipher_;

  SteadyTime asked_ = std::chrono::steady_clock::now();  // since when the source may give more
  std::optional<Frame> current_;
  std::uint64_t frames_submitted_ = 0, bytes_taken_ = 0;
  internal::Stream written_;  // what of the stream stands in indexes

  std::mutex mutex_;
  std::condition_variable wake_;
  std::size_t under_way_ = 0;  // jobs in the pipeline that know this writer
  Status error_;
  std::map<std::uint64_t, Frame> compressed_;  // not yet their turn
  std::uint64_t next_frame_ = 0, next_chunk_ = 0;
  Chunk gathering_;
  std::map<std::uint64_t, internal::Chunk> stored_;  // not yet in an index
};

}  // namespace dbagent::backup
