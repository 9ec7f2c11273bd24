#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/rate_limit.h"
#include "agent/os/priority.h"
#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/stream/buffer_pool.h"
#include "agent/stream/stage.h"

namespace dbagent::backup {

struct PipelineOptions {
  int level = 1;          // zstd's, 1 to 19
  bool adaptive = false;  // the level is then only where it begins
  unsigned compress_threads = 2;
  unsigned uploads = 4;           // chunks on their way to the store at a time
  std::uint64_t chunk_bytes = 0;  // stored bytes of a chunk; 0: as the stream grows
  bool polite = false;            // only with what the machine has to spare
};

// What the streams of one backup share: threads that compress, threads that seal, hash and store,
// and the account of both. Threads: any.
class Pipeline {
 public:
  // `rate` limits the bytes that are read from the source. All outlive this.
  Pipeline(storage::ObjectStore& store, stream::BufferBudget& budget, RateLimit& rate,
           PipelineOptions options);

  storage::ObjectStore& store() { return store_; }
  stream::BufferBudget& budget() { return budget_; }
  RateLimit& rate() { return rate_; }
  stream::BufferPool& frames() { return frame_buffers_; }  // of kFrameBytes, for source bytes
  stream::Stage& compress() { return compress_; }
  stream::Stage& upload() { return upload_; }

  // For the next frame. An adaptive one follows where work waits: more compression when the store
  // is slower than the processor, less when it is faster.
  int Level();
  // How many bytes chunk `number` of one of `streams` streams at a time should have.
  std::uint64_t ChunkBytes(std::uint64_t number) const;

  // The source gave bytes after so long, and then waited for room, for the rate.
  void SourceGave(std::uint64_t bytes, SteadyTime::duration busy, SteadyTime::duration for_room,
                  SteadyTime::duration for_rate);

  std::vector<StageFigures> Figures() const;
  // Which stage the others waited for: `source`, `rate`, `compress` or `upload`.
  std::string Bottleneck() const;

 private:
  storage::ObjectStore& store_;
  stream::BufferBudget& budget_;
  RateLimit& rate_;
  const PipelineOptions options_;
  std::optional<os::SessionYield> yield_;  // of a polite one
  stream::BufferPool frame_buffers_;
  const SteadyTime begun_ = std::chrono::steady_clock::now();
  stream::StageAccount source_{"source", 1};
  std::atomic<std::int64_t> waited_for_room_ = 0, waited_for_rate_ = 0;  // nanoseconds
  std::atomic<int> level_;
  std::atomic<unsigned> frames_ = 0;
  stream::Stage compress_, upload_;
};

}  // namespace dbagent::backup
