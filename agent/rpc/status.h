#pragma once

#include <grpcpp/support/status.h>

#include "agent/base/status.h"

namespace dbagent::rpc {

// The error as it travels: gRPC's code, the full message, and in `grpc-status-details-bin` a
// google.rpc.Status with ErrorInfo, the hint and RetryInfo (proto/dbagent/v1/error.proto).
// Redacted.
grpc::Status ToGrpc(const Status& status);

}  // namespace dbagent::rpc
