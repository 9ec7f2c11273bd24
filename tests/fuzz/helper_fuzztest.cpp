#include <string>

#include "agent/os/helper_protocol.h"
#include "agent/os/helper_table.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent;

// Any bytes as a packet: its fields, which are the same packet again, or PACKET_INVALID. Any text
// as a table: what it says, which says the same when it is written, or TABLE_INVALID.
void Try(std::string_view input) {
  const Result<os::Fields> fields = os::DecodeFields(input);
  if (fields.ok()) {
    Require(os::EncodeFields(*fields) == input, "a packet is its fields and nothing else");
    os::StatusOf(*fields).Ignore("any answer is one or PACKET_INVALID");
  } else {
    Require(fields.status().reason() == "PACKET_INVALID", "a bad packet is told as such");
  }
  const Result<os::HelperTable> table = os::ParseHelperTable(std::string(input));
  if (!table.ok()) {
    Require(table.status().reason() == "TABLE_INVALID", "a bad table is told as such");
    return;
  }
  const std::string text = os::FormatHelperTable(*table);
  const Result<os::HelperTable> again = os::ParseHelperTable(text);
  Require(again.ok() && os::FormatHelperTable(*again) == text, "a written table says the same");
}
