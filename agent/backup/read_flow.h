#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "agent/base/rate_limit.h"
#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/stream/stage_account.h"

namespace dbagent::backup {

// What the readers of one restore or verification share: where chunks come from, the memory and
// the rate that they keep to, and the account of what they did:
//   download    waits for the rate and for memory, then gets a chunk of the store
//   check       hashes it, and opens it if it is sealed
//   decompress  waits for whoever takes the bytes
//   target      takes them: a server, an archive's files, a caller. Waits for bytes
// Threads: any.
class ReadFlow {
 public:
  static constexpr unsigned kThreads = 3;  // of each stream that is read, all stages together

  // `rate` limits the stored bytes that are read; nullptr: nothing does. All outlive this.
  ReadFlow(storage::ObjectStore& store, stream::BufferBudget& budget, RateLimit* rate)
      : store_(store), budget_(budget), rate_(rate) {}

  storage::ObjectStore& store() { return store_; }
  stream::StageAccount& check() { return check_; }
  stream::StageAccount& decompress() { return decompress_; }
  stream::StageAccount& target() { return target_; }

  // Waits until so many stored bytes may be read, then for the memory: `spare` bytes more.
  Result<stream::BufferBudget::Share> Reserve(const OpContext& ctx, std::uint64_t stored_bytes,
                                              std::uint64_t spare);
  Result<std::vector<std::byte>> Download(const OpContext& ctx, const std::string& object,
                                          std::uint64_t stored_bytes);

  // Of the stages that did something.
  std::vector<StageFigures> Figures() const;
  // Which of them the others waited for, or `rate`.
  std::string Bottleneck() const;
  // `bottleneck: download (download 12.0 s, check 1.2 s, …)`, for people; empty when nothing was
  // read.
  std::string Report() const;

 private:
  storage::ObjectStore& store_;
  stream::BufferBudget& budget_;
  RateLimit* const rate_;
  const SteadyTime begun_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> waited_for_rate_ = 0;  // nanoseconds
  stream::StageAccount download_{"download", kThreads}, check_{"check", kThreads},
      decompress_{"decompress", kThreads}, target_{"target", 1};
};

}  // namespace dbagent::backup
