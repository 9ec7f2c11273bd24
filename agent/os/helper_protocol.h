#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

// How the agent and dbagent-helper talk: packets on a SOCK_SEQPACKET Unix socket, each a list of
// texts, each text its length (4 bytes, little endian) and its bytes. Both ends are of one build,
// which the table's version tells (helper_table.h); nothing is negotiated.
//
// A connection carries one request:
//   VERSION INSTANCE VERB ARGUMENT…      INSTANCE: `main` or `scratch`
// and its answer:
//   `ok` VALUE…  |  `error` CODE REASON MESSAGE HINT RETRYABLE (KEY VALUE)…
// With `run-tool` its descriptors go along; after `ok PID` the agent may send `signal NUMBER`, and
// the helper sends `exit CODE SIGNAL` once. `stop-server` may be followed by `hurry`. When the
// agent closes the connection the tool is killed.
namespace dbagent::os {

inline constexpr std::size_t kMostPacketBytes = 64U << 10U;
inline constexpr std::size_t kMostDescriptors = 16;

using Fields = std::vector<std::string>;

std::string EncodeFields(const Fields& fields);
// PACKET_INVALID.
Result<Fields> DecodeFields(std::string_view packet);

struct Packet {
  Fields fields;
  std::vector<UniqueFd> descriptors;
};

// Errors of the transport: HELPER_GONE (UNAVAILABLE).
Status SendPacket(int socket, const Fields& fields, const std::vector<int>& descriptors = {});
// Nothing when the other side has closed. Waits as long as ctx lets it. PACKET_INVALID: too long,
// too many descriptors, not such texts.
Result<std::optional<Packet>> ReceivePacket(const OpContext& ctx, int socket);

Fields ErrorFields(const Status& status);
// Of an `error` answer; PACKET_INVALID when it is none.
Status StatusOf(const Fields& fields);

}  // namespace dbagent::os
