#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/live_settings.h"

namespace grpc {
class AuthContext;
}

namespace dbagent::rpc {

// Who calls: `uid:0 (root)` or `san:controller.example`, with the role of the settings.
struct Caller {
  std::string name;
  std::string role;
};

// Decides who may call what (design section 11). Threads: any.
class Access {
 public:
  explicit Access(const config::LiveSettings& settings) : settings_(settings) {}

  // The local socket: called before the descriptor is handed to gRPC. False: nobody of the
  // settings; close it.
  bool Admit(int fd, const ucred& peer);

  // Who is behind gRPC's peer() (`fd:7`) or TLS context. UNAUTHENTICATED CALLER_UNKNOWN.
  Result<Caller> Identify(const std::string& peer, const grpc::AuthContext* auth) const;
  // PERMISSION_DENIED METHOD_NOT_ALLOWED.
  Status Allow(const Caller& caller, std::string_view method) const;

 private:
  const config::LiveSettings& settings_;
  mutable std::mutex mutex_;
  // Never erased: a number is reused only after gRPC closed it, and the new connection's entry is
  // made before its hand-over.
  std::map<int, ucred> local_peers_;
};

}  // namespace dbagent::rpc
