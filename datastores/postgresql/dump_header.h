#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/stream/stream.h"

// What a load must know before the first statement of a dump runs, and pg_dump does not say:
// comment lines that our Dump writes in front of pg_dump's text. Names stand in hexadecimal, so
// none can end a comment.
//
//   -- dbagent-dump 2 1c1b…                     a random token: marks where the tail begins and
//   ends
//   -- dbagent-role 616c696365                  a role that owns something or is named in a
//   privilege
//   -- dbagent-extension 6862 7075 616c         name, schema, owner (- when that is a superuser)
//
// After pg_dump's text comes a line `-- dbagent-tail <token>`, then the tail (dump_tail.h), then
// `-- dbagent-end <token>`.
namespace dbagent::datastore::postgresql {

struct DumpedExtension {
  std::string name, schema, owner;
  friend bool operator==(const DumpedExtension&, const DumpedExtension&) = default;
};

struct DumpHeader {
  std::string token;
  std::vector<std::string> roles;
  std::vector<DumpedExtension> extensions;
};

std::string TailLine(const std::string& token);
std::string EndLine(const std::string& token);
std::string WriteHeader(const DumpHeader& header);

// Reads the header off a dump; Read() then answers what follows it. A text without one has an empty
// header.
class HeaderSource : public stream::Source {
 public:
  explicit HeaderSource(stream::Source& inner) : inner_(inner) {}
  // Once, first. CORRUPT_DUMP (a line of ours that is none, or an endless header).
  Result<DumpHeader> ReadHeader(const OpContext& ctx);
  // The beginning of what follows the header, as far as it was read: at least `bytes` unless the
  // text is shorter.
  Result<std::string_view> Peek(const OpContext& ctx, std::size_t bytes);
  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override;

 private:
  Result<bool> Fill(const OpContext& ctx);

  stream::Source& inner_;
  std::string ahead_;  // read and not yet given out
};

}  // namespace dbagent::datastore::postgresql
