#pragma once

#include <string>
#include <string_view>

#include "agent/stream/stream.h"

// How pg_dump's text begins and ends. Threads: one at a time.
namespace dbagent::datastore::postgresql {

// The token of the `\restrict` line at the beginning of a dump; empty when it has none (older minor
// versions).
std::string RestrictToken(std::string_view beginning);
inline constexpr std::size_t kBeginningBytes = 512;  // it stands within these

// Passes everything on and remembers how the text ended.
class EndingSink : public stream::Sink {
 public:
  explicit EndingSink(stream::Sink& inner) : inner_(inner) {}
  Status Write(const OpContext& ctx, Bytes data) override;
  // Whether it ends as a whole dump does. With a token a table's data cannot look like the end.
  bool IsComplete(const std::string& token) const;
  std::string_view beginning() const { return beginning_; }

 private:
  stream::Sink& inner_;
  std::string beginning_, ending_;
};

}  // namespace dbagent::datastore::postgresql
