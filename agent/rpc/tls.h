#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "agent/base/result.h"
#include "agent/config/settings.h"

namespace dbagent::rpc {

// Mutual TLS: clients must show a certificate that client_ca signed. The files are read again every
// ten minutes, so a renewed certificate needs no restart. TLS 1.2 is refused by what
// DisableOldTls() sets. TLS_FILE_UNREADABLE.
Result<std::shared_ptr<grpc::ServerCredentials>> MakeTlsCredentials(
    const config::RemoteListener& settings);

// gRPC 1.51's C++ API has no minimum version. With only a TLS 1.2 cipher suite offered that needs a
// pre-shared key, a 1.2 handshake finds nothing in common; 1.3 has its own list. Call it before
// gRPC starts.
void DisableOldTls();

}  // namespace dbagent::rpc
