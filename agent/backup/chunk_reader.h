#pragma once

#include <optional>

#include "agent/backup/chunk_cursor.h"
#include "agent/backup/cipher.h"
#include "agent/backup/read_flow.h"
#include "agent/stream/stream.h"
#include "agent/stream/zstd_frame.h"

namespace dbagent::backup {

// Reads chunks of a stream back: each is hashed and compared, and opened if it is sealed, before
// one byte of it is used. BACKUP_CORRUPT (DATA_LOSS) names the object that is missing, cut, altered
// or not in its place. One thread at a time.
class ChunkReader {
 public:
  // `flow` outlives this.
  ChunkReader(ReadFlow& flow, std::string folder, std::optional<StreamCipher> cipher);

  // Waits for the rate, then takes the memory that reading it needs, `spare` bytes more.
  Result<stream::BufferBudget::Share> Reserve(const OpContext& ctx, const internal::Chunk& chunk,
                                              std::uint64_t spare = 0);
  // The source bytes of a chunk into `sink`.
  Status Read(const OpContext& ctx, const PlacedChunk& placed, stream::Sink& sink);
  // The same; the caller has reserved its memory.
  Status ReadReserved(const OpContext& ctx, const PlacedChunk& placed, stream::Sink& sink);
  // Hashes, opens and decompresses to nowhere.
  Status Verify(const OpContext& ctx, const PlacedChunk& placed);

 private:
  ReadFlow& flow_;
  const std::string folder_;
  const std::optional<StreamCipher> cipher_;
  stream::FrameDecompressor decompressor_;
};

Status CorruptObject(const std::string& object, std::string_view why);

}  // namespace dbagent::backup
