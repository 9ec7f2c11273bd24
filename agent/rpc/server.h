#pragma once

#include <memory>
#include <vector>

#include "agent/rpc/access.h"
#include "agent/rpc/gate.h"
#include "agent/rpc/services.h"

namespace dbagent::rpc {

// The gRPC server with all services, health (grpc.health.v1) and reflection. It listens on TCP only
// with mutual TLS 1.3; connections of the local socket are handed in one by one.
class Server {
 public:
  // LISTEN_FAILED, TLS_FILE_UNREADABLE. `settings` and `workflows` outlive it.
  static Result<std::unique_ptr<Server>> Start(const config::LiveSettings& live,
                                               const Workflows& workflows);
  ~Server();

  // Takes over a connection of the local socket; false (and the descriptor is closed) when its peer
  // is nobody known.
  bool TakeLocalConnection(int fd);
  // What health answers for the service `datastore`; the empty service name says that the agent
  // serves.
  void SetDatastoreServing(bool serving);
  // Asks its own health service, in process; `answered` is called by a thread of gRPC's, which must
  // not be blocked.
  void Ping(std::function<void()> answered);
  // No new calls; running ones have `budget`, then they are cancelled.
  void Stop(std::chrono::milliseconds budget);
  int port() const { return port_; }  // of TCP; 0 without

 private:
  Server(const config::LiveSettings& settings, const Workflows& workflows);

  Access access_;
  operations::ThreadPool pool_;
  Gate gate_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace dbagent::rpc
