#include "agent/rpc/server.h"

#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/rpc/tls.h"
#include "agent/telemetry/log.h"

namespace dbagent::rpc {
namespace {
constexpr std::size_t kPoolThreads = 8, kPoolQueue = 1024;
constexpr int kLargestConnectionAgeMs =
    60 * 60 * 1000;  // so that a certificate that was withdrawn is not good for ever
}  // namespace

Server::Server(const config::LiveSettings& settings, const Workflows& workflows)
    : access_(settings), pool_(kPoolThreads, kPoolQueue), gate_(settings, access_, pool_) {
  services_.push_back(MakeInstanceService(gate_, workflows));
  services_.push_back(MakeDatabaseService(gate_, workflows));
  services_.push_back(MakeUserService(gate_, workflows));
  services_.push_back(MakeOperationService(gate_, workflows));
  services_.push_back(MakeBackupService(gate_, workflows));
  services_.push_back(MakeConfigurationService(gate_, workflows));
  services_.push_back(MakeKeyService(gate_, workflows));
}

Server::~Server() {
  Stop(std::chrono::seconds(1));
}

Result<std::unique_ptr<Server>> Server::Start(const config::LiveSettings& live,
                                              const Workflows& workflows) {
  const auto at_start = live.Get();
  const config::Settings& settings = *at_start;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<Server> made(new Server(live, workflows));
  grpc::ServerBuilder builder;
  for (const auto& service : made->services_) builder.RegisterService(service.get());
  const int message_bytes = static_cast<int>(settings.limits.message_bytes);
  builder.SetMaxReceiveMessageSize(message_bytes);
  builder.SetMaxSendMessageSize(message_bytes * 4);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kLargestConnectionAgeMs);
  if (settings.remote) {
    ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                     MakeTlsCredentials(*settings.remote));
    builder.AddListeningPort(settings.remote->address, credentials, &made->port_);
  }
  made->server_ = builder.BuildAndStart();
  if (made->server_ == nullptr || (settings.remote && made->port_ == 0)) {
    return Error(Code::kUnavailable, "LISTEN_FAILED", "unable to listen on '{}'",
                 settings.remote ? settings.remote->address : "")
        .WithHint(
            "is the address this machine's, and the port free? see remote.listen in the settings");
  }
  made->SetDatastoreServing(false);
  return made;
}

void Server::Ping(std::function<void()> answered) {
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericStub> stub;
    grpc::ByteBuffer request, response;
  };
  auto call = std::make_shared<Call>();
  const grpc::Slice nothing;  // as a message: a question about the server as a whole
  call->request = grpc::ByteBuffer(&nothing, 1);
  call->stub = std::make_unique<grpc::GenericStub>(server_->InProcessChannel({}));
  call->stub->UnaryCall(&call->context, "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                        &call->request, &call->response,
                        [call, answered = std::move(answered)](const grpc::Status& status) {
                          if (status.ok()) answered();
                        });
}

bool Server::TakeLocalConnection(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || !access_.Admit(fd, peer)) {
    telemetry::LogWarning(
        "local.refused",
        "a connection to the local socket was turned away: its user is not in local.peers",
        {{"uid", std::to_string(peer.uid)}, {"pid", std::to_string(peer.pid)}});
    close(fd);
    return false;
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  grpc::AddInsecureChannelFromFd(server_.get(), fd);
  return true;
}

void Server::SetDatastoreServing(bool serving) {
  if (auto* health = server_->GetHealthCheckService())
    health->SetServingStatus("datastore", serving);
}

void Server::Stop(std::chrono::milliseconds budget) {
  if (server_ == nullptr) return;
  gate_.Close(budget);
  // gRPC would wait out a deadline for connections that clients merely keep open; what matters has
  // ended by now
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

}  // namespace dbagent::rpc
