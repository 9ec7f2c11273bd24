#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/stream/stream.h"

// What a load must know before the first statement of a dump runs, and pg_dump does not say:
// comment lines that our Dump writes in front of pg_dump's text. Names stand in hexadecimal, so
// none can end a comment.
//
//   -- dbagent-dump 1
//   -- dbagent-role 616c696365                       a role that owns something or is named in a
//   privilege
//   -- dbagent-grant 616c696365 CONNECT, TEMPORARY   on the database itself
namespace dbagent::datastore::postgresql {

struct DumpHeader {
  std::vector<std::string> roles;
  std::map<std::string, std::string> grants;  // role → words
};

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
