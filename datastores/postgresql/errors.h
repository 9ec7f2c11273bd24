#pragma once

#include <libpq-fe.h>

#include <string_view>

#include "agent/base/status.h"

// libpq's errors as Status. The SQLSTATE stands in metadata `sqlstate`; texts are redacted.
// Threads: any.
namespace dbagent::datastore::postgresql {

inline constexpr std::string_view kSqlState = "sqlstate";

Status ErrorOfResult(const PGresult* result);
// Of a connection that could not be made (its verbosity must be PQERRORS_VERBOSE: that shows the
// SQLSTATE) or was lost.
Status ErrorOfConnection(const PGconn* connection);
// Whether the server refused with this SQLSTATE.
bool HasSqlState(const Status& status, std::string_view state);

}  // namespace dbagent::datastore::postgresql
