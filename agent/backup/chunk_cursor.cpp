#include "agent/backup/chunk_cursor.h"

#include "agent/backup/chunk_reader.h"
#include "agent/backup/layout.h"

namespace dbagent::backup {

Result<std::optional<PlacedChunk>> ChunkCursor::Next(const OpContext& ctx) {
  while (at_ == chunks_.size() && next_index_ < stream_.indexes_size()) {
    ASSIGN_OR_RETURN(chunks_, repository_.ReadIndex(ctx, backup_, stream_.indexes(next_index_++)));
    at_ = 0;
  }
  if (at_ == chunks_.size()) {
    if (count_ != stream_.chunks() || source_bytes_ != stream_.source_bytes() ||
        stored_bytes_ != stream_.stored_bytes()) {
      return CorruptObject(
          repository_.Folder(backup_) + kManifestName,
          fmt::format("and the indexes of stream '{}' do not agree", stream_.name()));
    }
    return std::optional<PlacedChunk>();
  }
  PlacedChunk placed{std::move(chunks_[at_++]), count_++, false};
  placed.last = count_ == stream_.chunks();
  source_bytes_ += placed.chunk.source_bytes();
  stored_bytes_ += placed.chunk.stored_bytes();
  return std::optional(std::move(placed));
}

}  // namespace dbagent::backup
