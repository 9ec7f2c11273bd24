#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/backup/repository.h"

namespace dbagent::backup {

// A chunk and its place in its stream, which its seal depends on.
struct PlacedChunk {
  internal::Chunk chunk;
  std::uint64_t number = 0;
  bool last = false;
};

// The chunks of a stream in order, an index in memory at a time. One thread at a time.
class ChunkCursor {
 public:
  ChunkCursor(Repository& repository, std::string backup, internal::Stream stream)
      : repository_(repository), backup_(std::move(backup)), stream_(std::move(stream)) {}

  // Nothing after the last one; by then count and bytes of all agree with the manifest
  // (BACKUP_CORRUPT).
  Result<std::optional<PlacedChunk>> Next(const OpContext& ctx);

 private:
  Repository& repository_;
  const std::string backup_;
  const internal::Stream stream_;
  int next_index_ = 0;
  std::vector<internal::Chunk> chunks_;  // of the index at hand
  std::size_t at_ = 0;
  std::uint64_t count_ = 0, source_bytes_ = 0, stored_bytes_ = 0;
};

}  // namespace dbagent::backup
