#include "agent/stream/stream.h"

#include <vector>

namespace dbagent::stream {

Result<std::uint64_t> Pump(const OpContext& ctx, Source& source, Sink& sink) {
  std::vector<std::byte> buffer(256U << 10U);
  std::uint64_t total = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    if (got == 0) return total;
    RETURN_IF_ERROR(sink.Write(ctx, Bytes(buffer).first(got)));
    total += got;
  }
}

}  // namespace dbagent::stream
