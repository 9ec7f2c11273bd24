#include "agent/stream/stream.h"

#include <algorithm>
#include <vector>

namespace dbagent::stream {
namespace {
constexpr std::size_t kPieceBytes = 256U << 10U;
}

Status Source::Skip(const OpContext& ctx, std::uint64_t bytes) {
  std::vector<std::byte> buffer(kPieceBytes);
  for (std::uint64_t left = bytes; left > 0;) {
    const std::size_t wanted = std::min<std::uint64_t>(left, buffer.size());
    ASSIGN_OR_RETURN(const std::size_t got, Read(ctx, std::span(buffer).first(wanted)));
    if (got == 0) {
      return Error(Code::kDataLoss, "SOURCE_SHORT",
                   "unable to go on: {} bytes were to be left out and there are only {}", bytes,
                   bytes - left)
          .WithHint("repeat the request: it begins anew");
    }
    left -= got;
  }
  return Ok();
}

Result<std::uint64_t> Pump(const OpContext& ctx, Source& source, Sink& sink) {
  std::vector<std::byte> buffer(kPieceBytes);
  std::uint64_t total = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    if (got == 0) return total;
    RETURN_IF_ERROR(sink.Write(ctx, Bytes(buffer).first(got)));
    total += got;
  }
}

}  // namespace dbagent::stream
