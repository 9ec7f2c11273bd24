#pragma once

#include <string_view>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::datastore::mysql {

// `unable to <what>: <the server's words, redacted>` with the contract's reason for the server's or
// client library's error number, which stands in metadata `errno` (and `sqlstate`). When ctx has
// ended, that is the reason.
Status ServerError(const OpContext& ctx, std::string_view what, unsigned number,
                   std::string_view sqlstate, std::string_view text);

// The server's error number that an error of ServerError carries; 0 for any other.
unsigned ServerErrno(const Status& status);

}  // namespace dbagent::datastore::mysql
