#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/backup/chunk_reader.h"
#include "agent/stream/buffer_pool.h"

namespace dbagent::backup {

// The source bytes of a stream of a backup. Threads of its own fetch, check, open and decompress
// the chunks ahead of who reads; memory comes from the budget in the order of the chunks, so that
// the next to be read never waits for a later one. What it gives is checked; the stream is whole
// only when Read has answered 0.
class StreamSource : public stream::Source {
 public:
  struct What {
    std::string instance;
    const OpenedBackup& backup;  // copied from
    const internal::Stream& stream;
  };
  // `flow` outlives this.
  StreamSource(const OpContext& ctx, ReadFlow& flow, const What& what);
  ~StreamSource() override;

  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override;
  // Chunks that are left out as a whole are not fetched. Before the first Read.
  Status Skip(const OpContext& ctx, std::uint64_t bytes) override;

 private:
  struct Slot;  // a chunk on its way
  class Pieces;
  void Work();
  std::shared_ptr<Slot> TakeNext(ChunkReader& reader);
  Result<bool> NextPiece(const OpContext& ctx);

  const std::shared_ptr<StopSwitch> stop_ = std::make_shared<StopSwitch>();
  const OpContext outer_, ctx_;
  const std::stop_callback<std::function<void()>> pass_on_;
  ReadFlow& flow_;
  Repository repository_;
  const std::string folder_;
  const std::optional<StreamCipher> cipher_;

  stream::BufferPool pool_;  // of pieces
  std::mutex order_mutex_;   // who holds it takes the next chunk, and the memory for it
  ChunkCursor cursor_;
  std::optional<PlacedChunk> first_;  // taken by Skip
  bool taken_all_ = false;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in the order of the chunks
  bool at_end_ = false;                      // no more slots will come
  stream::Buffer piece_;                     // being read
  std::size_t at_ = 0;
  SteadyTime given_ = std::chrono::steady_clock::now();  // since when the target has what it asked
  std::vector<std::thread> threads_;
};

}  // namespace dbagent::backup
