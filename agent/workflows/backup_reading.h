#pragma once

#include <memory>
#include <string>

#include "agent/backup/stream_source.h"

namespace dbagent::workflows {

// One stream of a backup while somebody reads it. One thread at a time.
class BackupReading {
 public:
  static constexpr std::size_t kPieceBytes = 256U << 10U;

  BackupReading(const OpContext& ctx, std::shared_ptr<storage::ObjectStore> store,
                stream::BufferBudget& budget, const backup::StreamSource::What& what)
      : store_(std::move(store)), flow_(*store_, budget, nullptr), source_(ctx, flow_, what) {}

  // The next bytes, at most kPieceBytes; none: it has ended, and nothing of it is missing. Blocks
  // as long as the store takes for one chunk. BACKUP_CORRUPT.
  Result<std::string> Next(const OpContext& ctx) {
    std::string piece(kPieceBytes, '\0');
    std::size_t filled = 0;
    while (filled < piece.size()) {
      ASSIGN_OR_RETURN(const std::size_t got,
                       source_.Read(ctx, std::as_writable_bytes(std::span(piece).subspan(filled))));
      if (got == 0) break;
      filled += got;
    }
    piece.resize(filled);
    return piece;
  }

 private:
  const std::shared_ptr<storage::ObjectStore> store_;
  backup::ReadFlow flow_;
  backup::StreamSource source_;
};

}  // namespace dbagent::workflows
