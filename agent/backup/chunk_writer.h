#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/stream/stream.h"
#include "dbagent/internal/backup.pb.h"

namespace dbagent::backup {

// One named stream on its way to a store: cut into chunks, each compressed, hashed and stored by
// one of several threads, while the next is being read. Memory is taken from the budget before
// bytes are, so it is bounded whatever the size.
//
// Use: Write…, then Finish once. The first error of any thread ends it; a writer destroyed without
// Finish leaves chunks that nobody names (the repository removes them). Write and Finish: one
// thread.
class ChunkWriter : public stream::Sink {
 public:
  struct Options {
    std::string folder;        // of the backup, ends in /
    std::uint64_t stream = 0;  // number of the stream in the backup
    int level = 1;             // zstd, 1 to 19
    unsigned threads = 2;
  };
  ChunkWriter(const OpContext& ctx, storage::ObjectStore& store, stream::BufferBudget& budget,
              Options options);
  ~ChunkWriter() override;

  Status Write(const OpContext& ctx, Bytes data) override;
  // All chunks in order, each stored durably.
  Result<std::vector<internal::Chunk>> Finish(const OpContext& ctx);

 private:
  struct Job {
    std::uint64_t number = 0;
    std::vector<std::byte> source;
    stream::BufferBudget::Share share;
  };
  Status StartChunk(const OpContext& ctx);
  Status SubmitChunk(const OpContext& ctx);
  void Work();
  Result<internal::Chunk> StoreChunk(const Job& job);
  Status FirstError();

  const OpContext ctx_;
  storage::ObjectStore& store_;
  stream::BufferBudget& budget_;
  const Options options_;

  Job current_;
  bool has_current_ = false;
  std::uint64_t next_number_ = 0;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Job> queue_;
  bool ending_ = false;
  std::size_t running_ = 0;
  Status error_;
  std::map<std::uint64_t, internal::Chunk> done_;
  std::vector<std::thread> threads_;
};

}  // namespace dbagent::backup
