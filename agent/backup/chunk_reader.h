#pragma once

#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/stream/stream.h"
#include "agent/stream/zstd_frame.h"
#include "dbagent/internal/backup.pb.h"

namespace dbagent::backup {

// Reads chunks back: each is hashed and compared before one byte of it is used. BACKUP_CORRUPT
// (DATA_LOSS) names the object that is missing, cut or altered. One thread at a time.
class ChunkReader {
 public:
  ChunkReader(storage::ObjectStore& store, stream::BufferBudget& budget, std::string folder)
      : store_(store), budget_(budget), folder_(std::move(folder)) {}

  // The source bytes of a chunk into `sink`.
  Status Read(const OpContext& ctx, const internal::Chunk& chunk, stream::Sink& sink);
  // Only hashes and decompresses.
  Status Verify(const OpContext& ctx, const internal::Chunk& chunk);

 private:
  storage::ObjectStore& store_;
  stream::BufferBudget& budget_;
  const std::string folder_;
  stream::FrameDecompressor decompressor_;
};

Status CorruptObject(const std::string& object, std::string_view why);

}  // namespace dbagent::backup
