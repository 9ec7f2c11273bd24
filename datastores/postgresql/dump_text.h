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
  bool EndsWith(std::string_view text) const { return ending_.ends_with(text); }
  std::string_view beginning() const { return beginning_; }

 private:
  stream::Sink& inner_;
  std::string beginning_, ending_;
};

// Gives out a text up to a mark; after Continue() what follows it.
class SplitSource : public stream::Source {
 public:
  // An empty mark never comes.
  SplitSource(stream::Source& inner, std::string mark) : inner_(inner), mark_(std::move(mark)) {}
  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override;
  bool found() const { return found_; }
  void Continue() { passed_ = true; }

 private:
  stream::Source& inner_;
  const std::string mark_;
  std::string ahead_;  // read and not yet given out
  bool found_ = false, passed_ = false, ended_ = false;
};

}  // namespace dbagent::datastore::postgresql
